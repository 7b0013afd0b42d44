"""Does the events of a pair to a running world."""

import asyncio
import json
import random
import signal
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from nats.errors import Error as NatsError

from tests.chaos.losing import READERS, Losses
from tests.chaos.pairs import EVENTS, LOSSES, NEAR_S, Matrix, Pair
from tests.chaos.plan import EVERYTHING, SERVICES, SINGLE_OWNERS
from tests.chaos.subjects import LIMITS, MANY, RECORDS, Subject, Subjects
from tests.chaos.vectors import MARKS
from tests.chaos.world import PATIENCE_S, World, apply_streams

IN_FILES = {"append", "replace", "change-back", "delete", "move", "second-collection"}
UNWRITTEN = ["PROJECTION"] * 3
"""What is most often unread when everything is lost: what is counted, and not written yet."""
EMBEDDED_S = 10.0
IS_KNOWN = 0.7
"""How likely it is that a file is moved only when something of it is on its way."""
LIMIT_VARIABLE = "MAPSTREAM_INGESTION__MAX_LINE_BYTES"


@dataclass(slots=True)
class Actor:
    """Does what the plan says, and keeps account of it."""

    world: World
    subjects: Subjects
    dice: random.Random
    is_unsettled: Callable[[Subject], Awaitable[bool]]
    matrix: Matrix = field(default_factory=Matrix)
    spaces: set[int] = field(default_factory=lambda: {0})
    """Every space that the embedding server was ever in."""
    limit: int = LIMITS[1]
    lose: Sequence[str] = (*sorted(READERS), EVERYTHING)
    """What may be lost of the bus."""
    spared: Collection[str] = ()
    """What of it is not lost in this round."""
    is_small: bool = False
    """Whether sources of more batches than the streams hold are not begun."""
    begun: list[Subject] = field(default_factory=list)
    """The sources of the pairs of this round."""
    has_lost_consumers: bool = False
    did: list[str] = field(default_factory=list)
    """What was done, for whoever looks for the cause of a deviation."""
    losses: Losses = field(init=False)
    _commands: int = 0
    _marks: int = 0
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _group: asyncio.TaskGroup | None = None

    def __post_init__(self) -> None:
        self.losses = Losses(self.world, self.dice)

    async def run(self, pair: Pair) -> None:
        """Begin a source, do the first event to it and soon the second; return then.

        What an event begins and takes longer, as the start of a process, goes on meanwhile.
        """
        subject = self.subjects.begin(pair.first, self._size(), mark=self._mark(pair))
        self.begun.append(subject)
        await asyncio.sleep(pair.gap_s)
        if pair.second == "forget":  # it would wait for that, and be late
            await self._until_embedded(subject, EMBEDDED_S)
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            begun = asyncio.Event()
            first = group.create_task(self._do(pair.first, subject, begun))
            await begun.wait()
            if LOSSES.issuperset({pair.first, pair.second}):
                await first
            first_s = loop.time()
            await asyncio.sleep(pair.gap_s)
            is_unsettled = await self.is_unsettled(subject)
            begun = asyncio.Event()
            group.create_task(self._do(pair.second, subject, begun))
            await begun.wait()
            is_near = loop.time() - first_s <= NEAR_S
        took_place = self.matrix.done if is_near and is_unsettled else self.matrix.late
        took_place[pair.first, pair.second] += 1

    async def _do(self, event: str, subject: Subject, begun: asyncio.Event) -> None:
        """Do an event; ``begun`` is set as soon as it has its effect."""
        self.did.append(f"{asyncio.get_running_loop().time():.2f} {event} {subject.name}")
        act = getattr(self, f"_{event.replace('-', '_')}")
        assert event in EVENTS
        try:
            await act(subject, begun)
        finally:
            begun.set()

    def _size(self) -> int:
        return self.dice.choice([RECORDS, RECORDS if self.is_small else MANY])

    def _mark(self, pair: Pair) -> int | None:
        """Mark what is to be forgotten as it was first written; no mark for other sources."""
        if "forget" not in (pair.first, pair.second) or not IN_FILES.isdisjoint(
            {pair.first, pair.second}
        ):
            return None
        self._marks += 1
        return self._marks % MARKS

    def _lock_of(self, disk: str) -> asyncio.Lock:
        return self._lock(f"disk {disk}")

    def _lock(self, what: str) -> asyncio.Lock:
        return self._locks.setdefault(what, asyncio.Lock())

    # The file of the source.

    async def _append(self, subject: Subject, _begun: asyncio.Event) -> None:
        if subject.is_there:
            subject.append(self.subjects.more(subject.name))
        else:
            subject.put(subject.contents[-1] + self.subjects.more(subject.name))

    async def _replace(self, subject: Subject, _begun: asyncio.Event) -> None:
        records = self.dice.choice([4, self._size()])
        subject.put(self.subjects.text(subject.name, records, is_slow=True))

    async def _change_back(self, subject: Subject, begun: asyncio.Event) -> None:
        if len(subject.contents) < 2:
            await self._replace(subject, begun)
            await asyncio.sleep(0.3)
        subject.put(subject.contents[0])

    async def _delete(self, subject: Subject, _begun: asyncio.Event) -> None:
        subject.file.unlink(missing_ok=True)
        subject.is_there = False

    async def _move(self, subject: Subject, _begun: asyncio.Event) -> None:
        if self.dice.random() < IS_KNOWN:
            await self._until_embedded(subject, NEAR_S / 4)
        self.subjects.move(subject)

    async def _second_collection(self, subject: Subject, _begun: asyncio.Event) -> None:
        self.subjects.twin(subject)

    # Commands.

    async def _forget(self, subject: Subject, _begun: asyncio.Event) -> None:
        subject.may_be_forgotten = True
        await self._until_embedded(subject, NEAR_S / 4)
        await self._command("forget", {"source": subject.name})

    async def _until_embedded(self, subject: Subject, patience_s: float) -> None:
        """Wait for a while until its texts are embedded: nothing is known of it before."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while not await self.world.ask_proxy("/asked", subject.name):
                    await asyncio.sleep(0.1)

    async def _replay(self, subject: Subject, _begun: asyncio.Event) -> None:
        await self._command("replay", {"source": subject.name})

    async def _drop(self, subject: Subject, _begun: asyncio.Event) -> None:
        await self._command("drop", {"source": subject.name})

    async def _refit(self, _subject: Subject, _begun: asyncio.Event) -> None:
        await self._command("refit", {"force": True})

    async def _rollback(self, _subject: Subject, _begun: asyncio.Event) -> None:
        await self._command("rollback", {})

    async def _command(self, name: str, body: dict[str, object]) -> None:
        self._commands += 1
        headers = {"Nats-Msg-Id": f"pairs-{self._commands}"}
        js = self.world.client.jetstream(timeout=2)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    subject = f"command.{name}.default"
                    await js.publish(subject, json.dumps(body).encode(), headers=dict(headers))
                except (NatsError, TimeoutError):
                    await asyncio.sleep(0.1)
                else:
                    return

    # What the source is read and embedded with.

    async def _settings(self, _subject: Subject, begun: asyncio.Event) -> None:
        async with self._lock("discovery"):
            self._open_limits()
            self.limit = LIMITS[self.limit == LIMITS[0]]
            begun.set()
            await self.world.restart_with("discovery", {LIMIT_VARIABLE: str(self.limit)})
            self._open_limits()  # what came meanwhile was perhaps read before the restart

    def _open_limits(self) -> None:
        for one in self.subjects.of("default"):
            one.is_limit_open = True

    async def _away(self, _subject: Subject, begun: asyncio.Event) -> None:
        await self.world.ask_proxy("/away", str(round(self.dice.uniform(0.5, 2.0), 2)))
        begun.set()

    async def _other_vectors(self, _subject: Subject, begun: asyncio.Event) -> None:
        async with self._lock("space"):
            space = max(self.spaces) + 1
            self.spaces.add(space)
            await self.world.ask_proxy("/space", str(space))
            begun.set()
            await asyncio.sleep(1.0)
            await self.world.ask_proxy("/space", "0")

    # Processes.

    async def _kill(self, _subject: Subject, _begun: asyncio.Event) -> None:
        process = self.world.processes[self.dice.choice([*SERVICES, "nats-server"])]
        process.hold_s = self.dice.choice([0.0, 0.7])
        process.signal(signal.SIGKILL)

    async def _stop(self, _subject: Subject, _begun: asyncio.Event) -> None:
        self.world.processes[self.dice.choice(SERVICES)].tell_to_stop()

    async def _second_copy(self, _subject: Subject, begun: asyncio.Event) -> None:
        service = self.dice.choice([*SINGLE_OWNERS, "embedding"])
        async with self._lock(service):
            begun.set()
            copy = self.world.copy_of(service)
            copy.start()
            try:
                await copy.says('"event": "service.(standby|running)"')
                await asyncio.sleep(0.5)
                if self.dice.random() < 0.5:
                    self.world.processes[service].signal(signal.SIGKILL)
                    await asyncio.sleep(2.0)
            finally:
                await copy.kill_for_good()

    # The bus and the disks.

    async def _stream_lost(self, _subject: Subject, begun: asyncio.Event) -> None:
        async with self._lock("bus"):
            self.has_lost_consumers = True
            stream = self.dice.choice([one for one in self.lose if one not in self.spared])
            is_all = stream == EVERYTHING
            unread = self.dice.choice([*READERS, *UNWRITTEN]) if is_all else stream
            async with self.losses.unread(unread, begun):
                await (self.losses.lose_everything() if is_all else self.losses.lose(stream))
            await apply_streams(self.world)

    async def _durable_lost(self, _subject: Subject, begun: asyncio.Event) -> None:
        async with self._lock("bus"):
            self.has_lost_consumers = True
            spared = {EVERYTHING, *self.spared}
            stream = self.dice.choice([one for one in self.lose if one not in spared])
            async with self.losses.unread(stream, begun):
                await self.losses.lose_consumer(stream)
            await apply_streams(self.world)

    async def _disk_full(self, _subject: Subject, begun: asyncio.Event) -> None:
        names = sorted(self.world.disks)
        # One that is full already would have to be free again first, and this event be late.
        name = self.dice.choice([one for one in names if not self._lock_of(one).locked()] or names)
        disk = self.world.disks[name]
        async with self._lock_of(name):
            if disk.why_not is not None:
                raise SystemExit(f"disk-full is not possible here: {disk.why_not}")
            try:
                await asyncio.to_thread(disk.fill)
                begun.set()
                await asyncio.sleep(self.dice.uniform(0.5, 2.0))
            finally:
                disk.free()
