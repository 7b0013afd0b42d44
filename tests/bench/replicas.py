"""What the death of a replica costs: ``python -m tests.bench.replicas [SECONDS]``.

Two replicas of projection and writing over eight busy collections: each record is a source of its
own, in all collections in turn. Of each of both services, the second replica is killed (SIGKILL),
stays away for so many seconds and is started again. Told are: how long it took until what came to
that stage when it was gone was committed, and until what had come before and was not committed yet
was; and which collections each replica works on before, after the kill and after its return. In
the end the rows of each dataset have to be just the records of its folder. No test asserts a time.
"""

import asyncio
import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.bus.messages.headers import batch_facts
from shared.bus.registry.batches import EMBEDDING_BATCH, PROJECTION_BATCH
from shared.bus.registry.writing import WRITING_SETTLED
from shared.bus.status import collect
from tests.chaos.facts import texts
from tests.e2e.deployment import SERVICES, Deployment, deployment
from tests.e2e.local_run import end, expected_records, write_source
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer
from tests.waiting import ended

COLLECTIONS = tuple(f"busy{number}" for number in range(8))
COMES_BY = {"projection": EMBEDDING_BATCH, "writing": PROJECTION_BATCH}
"""What a stage reads."""
EVERY_S = 0.04
"""Between two records: each collection has three a second."""
AWAY_S = 15.0
PATIENCE_S = 300.0


@dataclass
class Watch:
    """When batches came to a stage, and when they were committed, by the clock of this process."""

    client: Client
    came_s: dict[str, dict[str, float]] = field(
        default_factory=lambda: {one: {} for one in COMES_BY}
    )
    committed_s: dict[str, float] = field(default_factory=dict)

    async def begin(self) -> None:
        for service, channel in COMES_BY.items():
            await self.client.subscribe(f"{channel.family}.*", cb=self._noting(service))
        await self.client.subscribe(f"{WRITING_SETTLED.family}.*", cb=self._note_commit)

    def _noting(self, service: str) -> Any:
        async def note(message: Msg) -> None:
            if facts := batch_facts(message.headers or {}):
                self.came_s[service].setdefault(facts["batch_id"], time.monotonic())

        return note

    async def _note_commit(self, message: Msg) -> None:
        for one in json.loads(message.data)["batches"]:
            if one["verdict"] == "stored":
                self.committed_s.setdefault(one["batch_id"], time.monotonic())

    def since(self, service: str, killed_s: float, away_s: float) -> dict[str, Any]:
        """Tell how long what came before a kill, and in so many seconds after it, took."""
        came = self.came_s[service]
        ends = {one: self.committed_s[one] for one in came if one in self.committed_s}
        later = [
            end_s - came[one]
            for one, end_s in ends.items()
            if killed_s < came[one] <= killed_s + away_s
        ]
        before = [end_s - killed_s for one, end_s in ends.items() if came[one] <= killed_s < end_s]
        return {
            "came after it": len(later),
            "committed after, s, median": round(statistics.median(later), 2) if later else None,
            "committed after, s, at most": round(max(later), 2) if later else None,
            "under way at the kill": len(before),
            "committed after the kill, s, at most": round(max(before), 2) if before else None,
        }


@dataclass
class World:
    """Services at work, two of some, and somebody who always has something to say."""

    deployment: Deployment
    client: Client
    watch: Watch
    collections: Sequence[str]
    seconds: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    async def start_second(self, service: str, **more: str) -> None:
        """Start another replica, with more settings if need be."""
        with (self.deployment.folder / f"second-{service}.log").open("ab") as log:
            self.seconds[service] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"services.{service}",
                env=self.deployment.environment() | more, stdout=log, stderr=log,
            )  # fmt: skip

    async def shares(self, service: str) -> list[list[str]]:
        """Return what each replica works on; those that work on nothing are left out."""
        told = (await collect(self.client, wait_s=0.5)).get(service, [])
        owned = [sorted(getattr(one, "collections", ())) for one in told]
        return sorted(one for one in owned if one)

    async def shared(self, service: str, replicas: int) -> list[list[str]]:
        """Wait until so many replicas have fair shares of all."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await self.shares(service)
                if sorted(map(len, found)) == [len(self.collections) // replicas] * replicas:
                    return found
                await asyncio.sleep(0.2)

    async def at_work(self) -> None:
        """Wait until every service has worked on every collection."""
        folders = [self.deployment.output / name for name in self.collections]
        await self.deployment.until(
            lambda: all((one / "logs.parquet").exists() for one in folders)
        )

    async def write_for_ever(self, every_s: float = EVERY_S) -> None:
        for number, name in zip(count(), cycle(self.collections)):
            folder = self.deployment.folder / name
            await asyncio.to_thread(write_source, folder / f"s{number}.jsonl", 1, f"s{number}")
            await asyncio.sleep(every_s)

    async def equal(self) -> dict[str, int]:
        """Wait until each dataset has just the records of its folder, each once; count them."""
        found: dict[str, int] = {}
        async with asyncio.timeout(PATIENCE_S):
            for name in self.collections:
                wanted = expected_records(self.deployment.folder / name)
                while await asyncio.to_thread(self._rows, name) != sorted(wanted.items()):
                    await asyncio.sleep(0.2)
                found[name] = len(wanted)
        return found

    def _rows(self, name: str) -> list[tuple[str, str]]:
        return sorted(texts(self.deployment.output / name / "store.lance"))


@asynccontextmanager
async def world(folder: Path, collections: Sequence[str]) -> AsyncIterator[World]:
    async with (
        EmbeddingServer(FakeEmbedder(dimension=64)).running() as url,
        deployment(
            folder,
            MAPSTREAM_COLLECTIONS=json.dumps(collections),
            MAPSTREAM_INGESTION__SOURCES=json.dumps(
                [{"path": str(folder / name), "collection": name} for name in collections]
            ),
            MAPSTREAM_EMBEDDING__URL=url,
            MAPSTREAM_HEALTH__PORT="0",
        ) as one,
    ):
        for name in collections:
            (folder / name).mkdir()
        await one.nats.start()
        await one.apply_streams()
        for service in SERVICES:
            one.start(service)
        client = await nats.connect(one.nats.url)
        made = World(one, client, Watch(client), collections)
        try:
            await made.watch.begin()
            yield made
        finally:
            for process in made.seconds.values():
                await end(process)
            await client.close()


async def killed(one: World, service: str, away_s: float) -> dict[str, Any]:
    """Kill the second replica of a service while all are busy, and start it again later."""
    before = await one.shared(service, 2)
    await asyncio.sleep(3.0)
    one.seconds[service].send_signal(signal.SIGKILL)
    await one.seconds[service].wait()
    killed_s = time.monotonic()  # what the bus gave to it while it died it had in hand
    await asyncio.sleep(away_s)
    alone = await one.shares(service)
    back_s = time.monotonic()
    await one.start_second(service)
    after = await one.shared(service, 2)
    shared_s = time.monotonic() - back_s
    await asyncio.sleep(3.0)
    return {
        "killed": service,
        **one.watch.since(service, killed_s, away_s),
        "shares before": before,
        "after the kill": alone,
        "after its return": after,
        "has its share again after, s": round(shared_s, 2),
    }


async def measure(folder: Path, away_s: float) -> Sequence[dict[str, Any]]:
    async with world(folder, COLLECTIONS) as one:
        for service in COMES_BY:
            await one.shared(service, 1)
            await one.start_second(service)
        for service in COMES_BY:
            await one.shared(service, 2)
        writing = asyncio.ensure_future(one.write_for_ever())
        told = [await killed(one, service, away_s) for service in COMES_BY]
        await ended(writing)
        rows = await one.equal()
        return [*told, {"rows equal the records": rows, "ended": one.deployment.ended}]


def lines(told: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(one) + "\n" for one in told)


async def main(away_s: float = AWAY_S) -> None:
    with tempfile.TemporaryDirectory(prefix="replicas-") as folder:
        told = await measure(Path(folder), away_s)
    sys.stdout.write(lines(told))


if __name__ == "__main__":
    asyncio.run(main(*(float(text) for text in sys.argv[1:])))
