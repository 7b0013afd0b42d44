"""Feeds a pipeline that cannot keep up, and watches what every process and stream takes."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import nats
import numpy as np
from nats.js import JetStreamContext
from numpy.typing import NDArray

from shared.bus.registry.durables import DURABLES
from shared.bus.topology import total_backlog
from tests.e2e.local_run import LiveRun
from tests.fakes.embedder import FakeEmbedder

WORK = ("DISCOVERY", "EMBEDDING", "RETRACTIONS", "PROJECTION")
PUBLIC = ("EVENTS", "POINTS", "DEAD_LETTERS")
PROCESSES = ("discovery", "embedding", "projection", "writing", "gateway", "nats-server")
MIB = 1 << 20


class SlowEmbedder(FakeEmbedder):
    """Embeds so many texts a second, one after the other, until the brake is taken off."""

    def __init__(self, texts_per_s: float, dimension: int) -> None:
        super().__init__(dimension=dimension)
        self.texts_per_s: float | None = texts_per_s
        self.embedded = 0
        self._one = asyncio.Lock()

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = []
        for text in texts:
            async with self._one:
                if self.texts_per_s:
                    await asyncio.sleep(1 / self.texts_per_s)
            vectors.append(self.vector(text))
            self.embedded += 1
        await asyncio.sleep(0)
        return np.stack(vectors)

    def vector(self, text: str) -> NDArray[np.float32]:
        digest = sha256(text.encode()).digest()
        wide = np.frombuffer(digest * (self.dimension // 32), np.uint8).astype(np.float32)
        return wide / np.float32(128) - np.float32(1)


@dataclass
class Watch:
    """The largest that was seen of every process and stream."""

    run: LiveRun
    js: JetStreamContext
    rss: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    streams: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    samples: int = 0

    async def sample(self) -> None:
        for process in PROCESSES:
            pid = self.run.pid_of(process)
            if pid is not None:
                self.rss[process] = max(self.rss[process], resident(pid))
        for stream in (*WORK, *PUBLIC):
            size = (await self.js.stream_info(stream)).state.bytes
            self.streams[stream] = max(self.streams[stream], size)
        self.samples += 1

    async def until(self, is_enough: Callable[[], bool], patience_s: float) -> None:
        """Sample twice a second until something holds."""
        async with asyncio.timeout(patience_s):
            while not is_enough():
                await self.sample()
                await asyncio.sleep(0.5)

    async def seconds(self, seconds: float) -> None:
        """Sample for so long."""
        end = asyncio.get_running_loop().time() + seconds
        await self.until(lambda: asyncio.get_running_loop().time() >= end, seconds + 60)


@asynccontextmanager
async def watching(run: LiveRun) -> AsyncIterator[Watch]:
    """Watch a run from when its streams and consumers are declared."""
    async with asyncio.timeout(180):
        while not run.url:
            await asyncio.sleep(0.1)
        client = await nats.connect(run.url)
        while await total_backlog(client.jetstream(), DURABLES, ["default"]) is None:
            await asyncio.sleep(0.1)
    try:
        yield Watch(run, client.jetstream(timeout=20))
    finally:
        await client.close()


async def shrink(js: JetStreamContext, max_bytes: int) -> None:
    """Let every stream hold less than it would: before anything is in it."""
    for name in (*WORK, *PUBLIC):
        config = (await js.stream_info(name)).config
        await js.update_stream(config.evolve(max_bytes=max_bytes))


@asynccontextmanager
async def sluggards(url: str) -> AsyncIterator[None]:
    """Subscribe to everything public, and read nothing of it."""
    bus = urlsplit(url)
    login = json.dumps({"user": bus.username, "pass": bus.password}).encode()
    writers = []
    for number in range(3):
        _, writer = await asyncio.open_connection(bus.hostname, bus.port, limit=1)
        writer.write(b"CONNECT %s\r\n" % login)
        for subject in ("map.points.*", "projection.>", "writing.>", "source.>"):
            writer.write(f"SUB {subject} {number}\r\n".encode())
        await writer.drain()
        writers.append(writer)
    try:
        yield
    finally:
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def stopped(run: LiveRun, process: str) -> AsyncIterator[None]:
    """Stop a process, as a debugger or a frozen disk would."""
    pid = run.pid_of(process)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def resident(pid: int) -> int:
    """Return the bytes of memory that a process has at present."""
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def write_long_source(path: Path, records: int, length: int = 160) -> None:
    """Write one source of many records; each text is another."""
    filling = "and on and on " * (length // 14)
    beside = path.with_suffix(".part")
    with beside.open("w") as file:
        for number in range(1, records + 1):
            entry = {"type": "iteration", "iteration": number, "response": f"{number} {filling}"}
            if number == records:
                entry["final_answer"] = "done"
            file.write(json.dumps(entry) + "\n")
    beside.rename(path)


def write_config(path: Path, url: str, **embedding: float) -> Path:
    lines = ["embedding:", f"  url: {url}", *(f"  {k}: {v}" for k, v in embedding.items())]
    path.write_text("\n".join(lines) + "\n")
    return path


def table(watch: Watch) -> str:
    """Write what was seen, in MiB."""
    rows = itertools.chain(
        (f"  {name:12} {size / MIB:8.1f} MiB resident" for name, size in watch.rss.items()),
        (
            f"  {name:12} {size / MIB:8.1f} MiB in the stream"
            for name, size in watch.streams.items()
        ),
    )
    return "\n".join(rows)
