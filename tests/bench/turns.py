"""What a collection that stands still costs others: ``python -m tests.bench.turns [batches [s]]``.

Ten collections; the embedding server of one accepts requests and never answers. The rate of the
nine is measured alone and, in the same run, beside the tenth, which has many batches to send
first. Then the server speaks, all has to be mapped, and they are alone once more. No test asserts
a rate.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import nats
import numpy as np
from nats.js import JetStreamContext
from starlette.responses import Response

from shared.bus.registry.durables import EMBEDDING_READS_BATCHES
from shared.bus.topology import backlog
from tests.e2e.deployment import SERVICES, Deployment, deployment
from tests.e2e.local_run import rows, write_source
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer

STUCK = "stuck"
OTHERS = tuple(f"busy{number}" for number in range(9))
BATCHES, SILENT_S = 2000, 600.0
ROUND, ALONE = 40, 5
"""Sources of one record for each of the others in a round, and how many rounds they are alone:
before and after, since other work on the machine comes and goes."""
PATIENCE_S = 3600.0
_names = count()


class Silent(EmbeddingServer):
    """Accepts every request and answers none until it is told to."""

    def __init__(self, fake: FakeEmbedder) -> None:
        super().__init__(fake)
        self.speaks = asyncio.Event()
        self.asked = 0

    async def _answer(self, texts: list[str]) -> np.ndarray | Response:
        self.asked += 1
        await self.speaks.wait()
        return await super()._answer(texts)


@dataclass
class Neighbours:
    """Services at work on some collections, of which one has an embedding server of its own."""

    deployment: Deployment
    silent: Silent
    js: JetStreamContext

    def send(self, collection: str, sources: int) -> None:
        for _ in range(sources):
            name = f"s{next(_names)}"
            write_source(self.deployment.folder / collection / f"{name}.jsonl", 1, name)

    async def map_all(self, collections: Sequence[str], records: int) -> None:
        """Wait until each of the collections has so many records on its map."""
        async with asyncio.timeout(PATIENCE_S):
            for name in collections:
                while len(await asyncio.to_thread(rows, self.deployment.output, name)) < records:
                    await asyncio.sleep(0.05)

    async def stand_still(self) -> None:
        """Wait until the one has in hand and waiting what it may."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.silent.asked or (await self.left()).waiting < 64:
                await asyncio.sleep(0.1)

    async def left(self) -> Any:
        return await backlog(self.js, EMBEDDING_READS_BATCHES, STUCK)


@asynccontextmanager
async def neighbours(folder: Path, others: Sequence[str]) -> AsyncIterator[Neighbours]:
    names = [STUCK, *others]
    silent = Silent(FakeEmbedder(dimension=16))
    async with (
        EmbeddingServer(FakeEmbedder(dimension=16)).running() as url,
        silent.running() as silent_url,
        deployment(
            folder,
            MAPSTREAM_COLLECTIONS=json.dumps(names),
            MAPSTREAM_INGESTION__SOURCES=json.dumps(
                [{"path": str(folder / name), "collection": name} for name in names]
            ),
            MAPSTREAM_EMBEDDING__URL=url,
            MAPSTREAM_EMBEDDING__COLLECTIONS=json.dumps(
                [{"collection": STUCK, "url": silent_url}]
            ),
        ) as one,
    ):
        for name in names:
            (folder / name).mkdir()
        await one.nats.start()
        await one.apply_streams()
        for service in SERVICES:
            one.start(service)
        client = await nats.connect(one.nats.url)
        try:
            yield Neighbours(one, silent, client.jetstream())
        finally:
            silent.speaks.set()
            await client.close()


async def rate(world: Neighbours, others: Sequence[str], mapped: int) -> float:
    """Send a round to each of the others; return how many records a second are mapped."""
    started = time.perf_counter()
    for name in others:
        world.send(name, ROUND)
    await world.map_all(others, mapped + ROUND)
    return ROUND * len(others) / (time.perf_counter() - started)


async def measure(folder: Path, batches: int, silent_s: float) -> dict[str, Any]:
    """Return the rates of the nine alone and beside the one, and what became of all."""
    async with neighbours(folder, OTHERS) as world:
        mapped = 0
        alone: list[float] = []
        beside: list[float] = []
        for _ in range(ALONE + 1):
            alone.append(await rate(world, OTHERS, mapped))
            mapped += ROUND
        world.send(STUCK, batches)
        await world.stand_still()
        end = time.monotonic() + silent_s
        while len(beside) < ALONE or time.monotonic() < end:
            beside.append(await rate(world, OTHERS, mapped))
            mapped += ROUND
        left = await world.left()
        world.silent.speaks.set()
        await world.map_all([STUCK], batches)
        for _ in range(ALONE):
            alone.append(await rate(world, OTHERS, mapped))
            mapped += ROUND
        medians = statistics.median(alone[1:]), statistics.median(beside)
        names = (STUCK, *OTHERS)
        return {
            "batches": batches,
            "silent_s": silent_s,
            "alone, records a second": [round(one, 1) for one in alone],
            "beside, records a second": [round(one, 1) for one in beside],
            "ratio": round(medians[1] / medians[0], 3),
            "waiting": left.waiting,
            "in hand": left.in_hand,
            "mapped": {name: len(rows(world.deployment.output, name)) for name in names},
            "ended": world.deployment.ended,
        }


async def main(batches: int = BATCHES, silent_s: float = SILENT_S) -> None:
    with tempfile.TemporaryDirectory(prefix="turns-") as folder:
        told = await measure(Path(folder), batches, silent_s)
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    asyncio.run(main(*(int(text) for text in sys.argv[1:])))
