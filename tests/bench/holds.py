"""How long a fit and the end of a re-projection hold the map up: ``python -m tests.bench.holds``.

From the outside: one-record sources come steadily, and the longest pause between two messages of
``map.points`` is told, with a fit among them and without, as a ratio. No test asserts it: on a
loaded machine any pause can be long; here both come from the same services a moment apart.
"""

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import nats
import pyarrow as pa
from nats.js.api import DeliverPolicy
from nats.js.client import JetStreamContext

from tests.e2e.deployment import SERVICES, Deployment, deployment
from tests.e2e.local_run import rows, write_source
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer

DIMENSIONS = (1024, 3072, 4096)
ROUNDS = 3
PULSES = 30
PULSE_S = 0.1
SOURCES, RECORDS = 40, 64
"""What the map holds before; a record of each is changed while it is moved."""
BOTH = "fit and changes"
PATIENCE_S = 300.0
_names = count()


async def _nothing() -> None:
    """Leave the map alone."""


async def measure(folder: Path, dimension: int) -> dict[str, Any]:
    """Return medians of the longest pauses of one dimension, and their ratios."""
    pauses: dict[str, list[float]] = {name: [] for name in ("alone", "fit", "changes", BOTH)}
    embedder = FakeEmbedder(dimension=dimension)
    async with (
        EmbeddingServer(embedder).running() as url,
        deployment(
            folder, MAPSTREAM_EMBEDDING__URL=url, MAPSTREAM_PROJECTION__REFIT_THRESHOLD="1000"
        ) as one,
    ):
        await one.nats.start()
        await one.apply_streams()
        for service in SERVICES:
            one.start(service)
        for number in range(SOURCES):
            write_source(one.sources / f"held-{number}.jsonl", RECORDS, f"agent {number}")
        await one.until(lambda: len(rows(one.output)) >= SOURCES * RECORDS)
        client = await nats.connect(one.nats.url)
        js = client.jetstream()

        async def fit() -> None:
            await js.publish("command.refit.default", b'{"force": true}')

        async def change() -> None:
            for number in range(SOURCES):
                word = f"other {next(_names)}"
                write_source(one.sources / f"held-{number}.jsonl", RECORDS, word)

        async def fit_and_change() -> None:
            await fit()
            await change()

        acts = {"alone": _nothing, "fit": fit, "changes": change, BOTH: fit_and_change}
        for _ in range(ROUNDS):
            for name, act in acts.items():
                pauses[name].append(await longest_pause(one, js, act))
        await client.close()
    medians = {name: statistics.median(found) for name, found in pauses.items()}
    return {
        "dimension": dimension,
        "longest_pause_s": {name: round(median, 3) for name, median in medians.items()},
        "of a fit": round(medians["fit"] / medians["alone"], 1),
        "of a fit while rows change": round(medians[BOTH] / medians["changes"], 1),
    }


async def longest_pause(
    one: Deployment, js: JetStreamContext, act: Callable[[], Awaitable[None]]
) -> float:
    """Have records come steadily, do something in their midst; return the longest pause, in s."""
    told = await js.subscribe(
        "map.points.default",
        stream="POINTS",
        ordered_consumer=True,
        deliver_policy=DeliverPolicy.NEW,
    )
    names, times = set[str](), []
    for pulse in range(PULSES):
        name = f"pulse-{next(_names):05d}.jsonl"
        names.add(name)
        write_source(one.sources / name, 1, name)
        if pulse == PULSES // 3:
            await act()
        await asyncio.sleep(PULSE_S)
    async with asyncio.timeout(PATIENCE_S):
        while names:
            message = await told.next_msg(timeout=PATIENCE_S)
            times.append(message.metadata.timestamp.timestamp())
            points = pa.ipc.open_stream(message.data).read_all()
            names.difference_update(points["filename"].to_pylist())
    await told.unsubscribe()
    return max(later - earlier for earlier, later in pairwise(times))


async def main(dimensions: Sequence[int]) -> None:
    for dimension in dimensions:
        with tempfile.TemporaryDirectory(prefix="holds-") as folder:
            told = await measure(Path(folder), dimension)
        sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    asyncio.run(main([int(text) for text in sys.argv[1:]] or DIMENSIONS))
