"""Injects faults into a running world, and keeps account of which really took place."""

import asyncio
import json
import signal
from collections import Counter
from dataclasses import dataclass, field

from nats.errors import Error as NatsError
from nats.js.api import StreamConfig

from shared.bus.registry.batches import MAP_POINTS
from shared.bus.registry.channel import Channel
from shared.bus.registry.commands import (
    COMMAND_CREATE,
    COMMAND_DELETE,
    COMMAND_FORGET,
    COMMAND_REFIT,
    COMMAND_ROLLBACK,
)
from shared.failpoints import Failpoint
from tests.chaos.inputs import Inputs
from tests.chaos.job_points import lead_to_job
from tests.chaos.nap import Nap
from tests.chaos.plan import DELETING, DISK_OF, EVERYTHING, Fault
from tests.chaos.proxy import WELL
from tests.chaos.world import World

PATIENCE_S = 180.0
LOOK_S = 0.5
OF_A_NAP = (
    Failpoint.WOKEN,
    Failpoint.DECLARED,
    Failpoint.EMPTIED,
    Failpoint.GOING,
    Failpoint.REMOVED,
    Failpoint.RESTED,
)
FLOW_PATIENCE_S = 15.0
FLOWED = 3
COMMANDS: dict[str, tuple[Channel, dict[str, object]]] = {
    "refit": (COMMAND_REFIT, {}),
    "forced-refit": (COMMAND_REFIT, {"force": True}),
    "dry-run": (COMMAND_REFIT, {"dry_run": True}),
    "rollback": (COMMAND_ROLLBACK, {}),
}


@dataclass(slots=True)
class Account:
    """How many faults were asked for, and what became of them."""

    requested: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    """Fault to the reason why it did not take place (the last one)."""
    spoiled: int = 0
    """Answers of the embedding server that were spoiled."""


class Injector:
    """Carries out faults; several that last can overlap."""

    def __init__(self, world: World, inputs: Inputs, account: Account) -> None:
        self._world = world
        self._inputs = inputs
        self._account = account
        self._commands = 0
        self._doomed = dict[str, str]()
        """The collection that is made to be deleted, by the point that this passes."""
        self._answering = asyncio.Lock()
        self._cutting = dict[str, asyncio.Lock]()
        self.nap = Nap(world)
        self._filling = asyncio.Lock()
        self._disks = {name: asyncio.Lock() for name in world.disks}

    async def begin(self) -> None:
        """Make the collection that rests: its first vectors say how long all of them are."""
        await self.nap.add(self._send)

    async def inject(self, fault: Fault) -> None:
        """Carry out a fault from its beginning to its end."""
        self._account.requested[fault.name] += 1
        kinds = {
            "kill": self._kill,
            "stop": self._stop,
            "restart": self._restart,
            "cut": self._cut,
            "answer": self._spoil,
            "disk-full": self._fill_disk,
            "disk-full-and-kill": self._fill_disk,
            "stream-full": self._fill_stream,
            "second-copy": self._copy,
            "command": self._command,
            "source": self._source,
        }
        try:
            async with asyncio.timeout(PATIENCE_S):
                why_not = await kinds[fault.kind](fault)
        except TimeoutError:
            why_not = f"it could not be done within {PATIENCE_S:.0f} s"
        if why_not is None:
            self._account.injected[fault.name] += 1
        else:
            self._account.skipped[fault.name] = why_not

    async def _kill(self, fault: Fault) -> str | None:
        if fault.target == EVERYTHING:
            for process in self._world.processes.values():
                process.signal(signal.SIGKILL)
            return None
        process = self._world.processes[fault.target]
        await process.up()
        process.hold_s = fault.seconds
        while not process.signal(signal.SIGKILL):  # it had just ended
            await process.up()
        return None

    async def _restart(self, fault: Fault) -> str | None:
        """Let a service end by itself, with what it has in hand."""
        process = self._world.processes[fault.target]
        await process.up()
        while not process.tell_to_stop():
            await process.up()
        return None

    async def _stop(self, fault: Fault) -> str | None:
        """Stop a process for a while; once more, if another fault kills it meanwhile."""
        process = self._world.processes[fault.target]
        pid = None
        while pid is None or process.pid != pid:
            pid = await process.up()
            process.signal(signal.SIGSTOP)
            await asyncio.sleep(fault.seconds)
        process.signal(signal.SIGCONT)
        return None

    async def _cut(self, fault: Fault) -> str | None:
        """Arm a point, and do what has the service come there, until it has."""
        service, point = fault.target.split(":")
        file = self._world.cut_file(service, point)
        async with self._cutting.setdefault(fault.target, asyncio.Lock()):
            file.touch()
            try:
                number = 0
                while file.exists():
                    await asyncio.sleep(0.1)
                    number += 1
                    await self._lead_to(point, number % 20)
            finally:
                file.unlink(missing_ok=True)
        return None

    async def _lead_to(self, point: str, turn: int) -> None:
        """Do what a point waits for, each thing in its turn of twenty."""
        if turn == 5:
            self._inputs.add()
        if turn == 10 and point == Failpoint.RETRACTED:
            self._inputs.apply("change")
        if turn == 10 and point in (Failpoint.STAGED, Failpoint.SHOWING):
            self._inputs.apply("change-large")
        if turn == 10 and point == Failpoint.MOVING:
            self._inputs.apply("move")
        if turn == 10 and point in OF_A_NAP:
            await self.nap.add(self._send)
        if turn == 10 and point == Failpoint.RECORDED:
            # An empty one; see tests/e2e/test_created_collections.py for what becomes of it.
            await self._send(COMMAND_CREATE, {"title": "made"}, f"made-{self._commands}")
        if turn == 2 and point in DELETING:
            self._doomed[point] = f"doomed-{self._commands}"
            await self._send(COMMAND_CREATE, {}, self._doomed[point])
        if turn == 5 and point in self._doomed:  # one at rest has nothing that could be removed
            await self._send(COMMAND_REFIT, {"force": True}, self._doomed[point])
        if turn == 10 and point in self._doomed:
            await self._send(COMMAND_DELETE, {}, self._doomed[point])
        await lead_to_job(point, turn, self._inputs, self._send)
        if turn == 15:
            await self._send(COMMAND_REFIT, {"force": True})

    async def _spoil(self, fault: Fault) -> str | None:
        """Have answers spoiled for a while, and until one was."""
        async with self._answering:
            spoiled, ends = 0, fault.seconds
            try:
                while ends > 0 or not spoiled:
                    if not spoiled:  # again, if the proxy was killed: it answers well then
                        await self._world.ask_proxy("/answer", fault.target)
                    self._inputs.add()
                    await asyncio.sleep(LOOK_S)
                    ends -= LOOK_S
                    spoiled = await self._world.ask_proxy("/spoiled")
            finally:
                await self._world.ask_proxy("/answer", WELL)
        self._account.spoiled += spoiled
        return None

    async def _fill_disk(self, fault: Fault) -> str | None:
        """Fill a disk for a while; the service that has to start on the full one waits, too."""
        disk = self._world.disks[DISK_OF.get(fault.target, fault.target)]
        async with self._disks[disk.folder.name]:
            try:
                await asyncio.to_thread(disk.fill)
                if fault.target in DISK_OF:
                    self._world.processes[fault.target].signal(signal.SIGKILL)
                await asyncio.sleep(fault.seconds)
            finally:
                disk.free()
        return None

    async def _fill_stream(self, fault: Fault) -> str | None:
        """Let a stream's limit be what it holds, so that it refuses the next message."""
        async with self._filling:
            config = await self._limit(fault.target, None)
            wide = config.max_bytes
            await self._limit(fault.target, 1)
            try:
                self._inputs.add()
                await asyncio.sleep(fault.seconds)
            finally:
                await self._limit(fault.target, wide)
        return None

    async def _limit(self, stream: str, max_bytes: int | None) -> StreamConfig:
        js = self._world.client.jetstream(timeout=2)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    info = await js.stream_info(stream)
                    if max_bytes is not None:
                        info.config.max_bytes = max(max_bytes, info.state.bytes)
                        info = await js.update_stream(info.config)
                except (NatsError, TimeoutError):
                    await asyncio.sleep(0.1)
                else:
                    return info.config

    async def _copy(self, fault: Fault) -> str | None:
        """Start a second copy; it stands by, and takes over when the first one is killed."""
        copy = self._world.copy_of(fault.target)
        copy.start()
        try:
            await copy.says('"event": "service.(standby|running)"')
            await self._flow(fault.seconds)
            self._world.processes[fault.target].signal(signal.SIGKILL)
            await self._flow(fault.seconds)
        finally:
            await copy.kill_for_good()
        return None

    async def _flow(self, seconds: float) -> None:
        """Let so much time go by, or more until some of the records that come have got through."""
        start = await self._points()
        for number in range(int(FLOW_PATIENCE_S / LOOK_S)):
            self._inputs.add()
            await asyncio.sleep(LOOK_S)
            if number * LOOK_S >= seconds and await self._points() >= start + FLOWED:
                return

    async def _points(self) -> int:
        """Return how many batches have ever been mapped."""
        js = self._world.client.jetstream(timeout=2)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    return (await js.stream_info(MAP_POINTS.stream)).state.last_seq
                except (NatsError, TimeoutError):
                    await asyncio.sleep(0.1)

    async def _command(self, fault: Fault) -> str | None:
        if fault.target == "forget":
            name = self._inputs.forget()
            if name is None:
                return "there was no settled source to forget"
            await self._send(COMMAND_FORGET, {"source": name})
            return None
        await self._send(*COMMANDS[fault.target])
        return None

    async def _send(
        self, channel: Channel, body: dict[str, object], collection: str = "default"
    ) -> None:
        """Publish a command until the bus has it."""
        self._commands += 1
        headers = {"Nats-Msg-Id": f"chaos-{self._commands}"}
        js = self._world.client.jetstream(timeout=2)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    subject = channel.subject(collection)
                    await js.publish(subject, json.dumps(body).encode(), headers=dict(headers))
                except (NatsError, TimeoutError):
                    await asyncio.sleep(0.1)
                else:
                    return

    async def _source(self, fault: Fault) -> str | None:
        name = self._inputs.apply(fault.target)
        return "there was no source to do it to" if name is None else None
