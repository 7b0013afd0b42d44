"""Everything that a run consists of: folders, disks, a bus, servers and services."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.cli.adapters.nats_server import (
    new_password,
    program,
    with_password,
    write_config,
)
from services.cli.adapters.ports import is_listening, kept_port
from shared.bus.topology import apply_topology
from shared.errors import ConfigurationError, TransientError
from shared.failpoints import VARIABLE
from tests.chaos.plan import ACK_WAIT_S, DISKS, SERVICES
from tests.chaos.processes import Supervised

DISK_MIB = {"output": 512, "state": 128}
PATIENCE_S = 180.0
ROOT = Path(__file__).parents[2]


@dataclass(slots=True)
class Disk:
    """A small file system of its own, if this machine lets us mount one."""

    folder: Path
    mib: int
    why_not: str | None = None

    def mount(self) -> None:
        self.folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.mib}m", "chaos", str(self.folder)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            text = getattr(error, "stderr", "") or str(error)
            self.why_not = f"no file system could be mounted: {text.strip()}"

    def unmount(self) -> None:
        if self.why_not is None:
            subprocess.run(["umount", "-l", str(self.folder)], check=False)  # noqa: S607

    def fill(self) -> None:
        """Leave no byte."""
        with (self.folder / "filler").open("ab", buffering=0) as file:
            room = os.statvfs(self.folder)
            with contextlib.suppress(OSError):  # at once; what others take meanwhile is written
                os.posix_fallocate(file.fileno(), file.tell(), room.f_bavail * room.f_frsize)
            file.seek(0, os.SEEK_END)
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)


@dataclass(slots=True)
class World:
    """The running system."""

    folder: Path
    url: str
    port: int
    """Of nats-server."""
    proxy_port: int
    client: Client
    processes: dict[str, Supervised]
    disks: dict[str, Disk]
    collections: list[str]
    stream_bytes: Mapping[str, int]
    extra: list[Supervised] = field(default_factory=list)
    """Second copies."""

    @property
    def output(self) -> Path:
        return self.disks["output"].folder / "out"

    @property
    def state(self) -> Path:
        return self.disks["state"].folder / "state"

    @property
    def public(self) -> Path:
        return self.output / "default"

    def cut_file(self, service: str, point: str) -> Path:
        return self.folder / "cuts" / service / point

    async def ask_proxy(self, path: str, body: str = "") -> Any:
        """Speak to the proxy as soon as it is there."""
        async with (
            asyncio.timeout(PATIENCE_S),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.proxy_port}") as client,
        ):
            while True:
                try:
                    return (await client.post(path, content=body.encode())).json()
                except httpx.TransportError:
                    await asyncio.sleep(0.1)

    def copy_of(self, service: str) -> Supervised:
        """Return another process of a service, with no failpoints; not started yet."""
        original = self.processes[service]
        environment = {k: v for k, v in original.environment.items() if k != VARIABLE}
        log = self.folder / "logs" / f"second-{service}-{len(self.extra)}.log"
        command = [sys.executable, "-m", *original.command]
        copy = Supervised(f"second {service}", command, environment, log)
        self.extra.append(copy)
        return copy

    async def restart_with(self, service: str, variables: Mapping[str, str]) -> None:
        """End a service gracefully and start it with other variables of its environment."""
        old = self.processes[service]
        await old.stop()
        environment = {**old.environment, **variables}
        new = Supervised(service, old.command, environment, old.log, is_module=old.is_module)
        new.surprises, new.starts = old.surprises, old.starts
        self.processes[service] = new
        new.start()

    def surprises(self) -> list[str]:
        found = [text for one in (*self.processes.values(), *self.extra) for text in one.surprises]
        for one in (*self.processes.values(), *self.extra):
            one.surprises.clear()
        return found


@dataclass(frozen=True, slots=True)
class Setup:
    """What is to run."""

    roots: Mapping[str, Path]
    """Collection to the folder of its sources."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Settings of the services, beside those that every run has."""
    stream_bytes: Mapping[str, int] = field(default_factory=dict)
    """Streams that hold so little that the stage before is kept waiting."""
    has_hashed_vectors: bool = False
    """Whether ``tests.chaos.vectors`` is the embedding server, not text2vec behind a proxy."""


async def apply_streams(world: World) -> None:
    """Declare streams and consumers until the bus takes it."""
    js = world.client.jetstream(timeout=5)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await apply_topology(js, world.collections, ack_wait_s=ACK_WAIT_S)
                for name, size in world.stream_bytes.items():
                    config = (await js.stream_info(name)).config
                    config.max_bytes = size
                    await js.update_stream(config)
            except (NatsError, TimeoutError, ConfigurationError, TransientError):
                await asyncio.sleep(0.1)
            else:
                return


@asynccontextmanager
async def running_world(folder: Path, setup: Setup) -> AsyncIterator[World]:
    """Start everything; at the end stop everything and unmount."""
    disks = {name: Disk(folder / "disks" / name, DISK_MIB[name]) for name in DISKS}
    async with AsyncExitStack() as stack:
        for disk in disks.values():
            disk.mount()
            stack.callback(disk.unmount)
        port = stack.enter_context(kept_port())
        password = new_password()
        config = write_config(folder / "nats", port, password=password)
        url = with_password(f"nats://127.0.0.1:{port}", password)
        log = folder / "logs" / "nats.log"
        server = Supervised("nats-server", [program(), "-c", str(config)], {}, log)
        server.start()
        stack.push_async_callback(server.stop)
        await listening(port)
        client = await _connected(url)
        stack.push_async_callback(client.close)
        ports = {name: stack.enter_context(kept_port()) for name in ("text2vec", "proxy")}
        world = World(
            folder, url, port, ports["proxy"], client, {"nats-server": server}, disks,
            list(setup.roots), setup.stream_bytes,
        )  # fmt: skip
        await apply_streams(world)
        embedders = ("proxy",) if setup.has_hashed_vectors else ("text2vec", "proxy")
        for name in (*embedders, *SERVICES):
            environment = _environment(world, setup, ports["text2vec"])
            environment[VARIABLE] = str(world.cut_file(name, "none").parent)
            world.cut_file(name, "none").parent.mkdir(parents=True)
            command = [f"services.{name}"]
            if name == "proxy" and setup.has_hashed_vectors:
                command = ["tests.chaos.vectors", str(ports["proxy"])]
            elif name == "proxy":
                command = ["tests.chaos.proxy", str(ports["proxy"]), str(ports["text2vec"])]
            log = folder / "logs" / f"{name}.log"
            process = Supervised(name, command, environment, log, is_module=True)
            world.processes[name] = process
            process.start()
            stack.push_async_callback(_stop, world, name)
        await listening(ports["proxy"])
        yield world


async def _stop(world: World, name: str) -> None:
    await world.processes[name].stop()  # not the one that was started first: it may be another


async def listening(port: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_listening(port):
            await asyncio.sleep(0.05)


async def _connected(url: str) -> Client:
    async def ignore(_error: Exception) -> None:
        """Say nothing: the server is killed again and again."""

    return await nats.connect(
        url, max_reconnect_attempts=-1, reconnect_time_wait=0.2, error_cb=ignore, name="chaos"
    )


def _environment(world: World, setup: Setup, text2vec_port: int) -> dict[str, str]:
    """Say where everything is, and have it all happen soon."""
    trigger = {"mode": "watch", "debounce_s": 0.2, "rescan_interval_s": 3}
    sources = [{"path": str(path), "collection": name} for name, path in setup.roots.items()]
    return os.environ | {
        "MAPSTREAM_COLLECTIONS": json.dumps(world.collections),
        "MAPSTREAM_NATS__URL": world.url,
        "MAPSTREAM_NATS__ACK_WAIT_S": str(ACK_WAIT_S),
        "MAPSTREAM_STATE__FOLDER": str(world.state),
        "MAPSTREAM_OUTPUT__FOLDER": str(world.output),
        "MAPSTREAM_OUTPUT__SNAPSHOT_SHARE": "0.5",
        "MAPSTREAM_OUTPUT__SNAPSHOT_MIN_INTERVAL_S": "0.1",
        "MAPSTREAM_OUTPUT__COMPACT_EVERY": "4",
        "MAPSTREAM_OUTPUT__KEEP_VERSIONS_S": "5",
        "MAPSTREAM_INGESTION__SOURCES": json.dumps(sources),
        "MAPSTREAM_INGESTION__TRIGGER": json.dumps(trigger),
        "MAPSTREAM_INGESTION__ALLOWED_ROOTS": json.dumps([str(world.folder)]),
        "MAPSTREAM_INGESTION__REST_AFTER_S": "1",
        "MAPSTREAM_EMBEDDING__URL": f"http://127.0.0.1:{world.proxy_port}",
        "MAPSTREAM_EMBEDDING__BATCH_SIZE": "16",
        "MAPSTREAM_EMBEDDING__CACHE_MB": "0",  # a fault of the server needs that it is asked
        "MAPSTREAM_EMBEDDING__TIMEOUT_S": "1",
        "MAPSTREAM_EMBEDDING__LONGEST_PAUSE_S": "0.5",
        "MAPSTREAM_PROJECTION__REFIT_THRESHOLD": "1.3",
        "MAPSTREAM_TEXT2VEC__PORT": str(text2vec_port),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **setup.variables,
    }
