"""What a refit costs as the map grows: ``python -m tests.bench.refit`` (part of ``make bench``).

The reference is scikit-learn's PCA, fitted to the same vectors in memory in the same run.
"""

import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA

from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.domain.refits import Rules
from services.projection.handlers.events import CommandRef
from services.projection.handlers.project import project
from services.projection.handlers.projector import Projector
from shared.bus.broker import build_bus
from shared.bus.topology import apply_topology
from shared.clock import SystemClock
from shared.contracts.batches import Batch
from shared.contracts.commands import Refit
from shared.observability.logs import set_up_logs
from shared.settings import NatsSection
from tests.builders import embedded_batch
from tests.nats_server import NatsServer

SIZES = (2_000, 20_000, 200_000)
DIMENSION = 384
CHUNK = 2_000
REPEAT = 9


def clustered(chunk: int, count: int) -> np.ndarray:
    """Unit vectors around fifty centres; the same ones for the same chunk."""
    centres = np.random.default_rng(7).normal(size=(50, DIMENSION))
    random = np.random.default_rng(chunk + 8)
    vectors = centres[random.integers(50, size=count)] + random.normal(size=(count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def chunks(start: int, end: int) -> list[int]:
    return list(range(start // CHUNK, end // CHUNK))


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def batches(vectors: np.ndarray, start: int) -> list[Batch]:
    return [
        embedded_batch(vectors[i : i + 128], first=start + i, batch_id=f"batch-{start + i}")
        for i in range(0, len(vectors), 128)
    ]


async def feed(projector: Projector, start: int, end: int) -> None:
    """Count the vectors as the service does, without the bus: its streams would fill up."""
    for chunk in chunks(start, end):
        await project(
            batches(clustered(chunk, CHUNK), chunk * CHUNK),
            state=projector.state,
            store=projector._store,
            clock=SystemClock(),
            rules=Rules(),
        )


async def measure(folder: Path) -> list[dict[str, float]]:
    server = await NatsServer(folder / "nats").start()
    bus = build_bus(NatsSection(url=server.url), "projection")
    client = await bus.connect()
    await apply_topology(client.jetstream(), ["default"])
    rows, done = [], 0
    async with open_store(folder / "projection.sqlite") as store:
        projector = Projector(
            await store.load("default"),
            store=store,
            clock=SystemClock(),
            rules=Rules(),
        )
        for size in SIZES:
            await feed(projector, done, size)
            done = size
            times = []
            for attempt in range(REPEAT):
                start = time.perf_counter()
                cause = f"{size}-{attempt}"
                asked = CommandRef(subject="command.refit.default", key=cause, causes=(cause,))
                outcome = await projector.refit(Refit(force=True), asked)
                await bus.publisher.publish_steps(projector.announce(outcome, asked))
                times.append(time.perf_counter() - start)
            median = float(np.median(times))
            rows.append({"records": size, "refit_s": median, "resident_mib": resident_mib()})
    await bus.close()
    await server.stop()
    for row in rows:
        parts = [clustered(chunk, CHUNK) for chunk in chunks(0, int(row["records"]))]
        some = np.vstack(parts)
        start = time.perf_counter()
        PCA(n_components=2).fit(some)
        row["sklearn_s"] = time.perf_counter() - start
        row["ratio"] = row["refit_s"] / row["sklearn_s"]
    return rows


def main() -> None:
    set_up_logs("bench", level="warning")
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(measure(Path(folder)))
    print(f"fit + checkpoint + publish of a refit, d = {DIMENSION}; median of {REPEAT}")
    print(f"{'records':>9} {'refit ms':>9} {'sklearn ms':>11} {'ratio':>7} {'resident MiB':>13}")
    for row in rows:
        print(
            f"{row['records']:>9,.0f} {row['refit_s'] * 1e3:>9.1f} {row['sklearn_s'] * 1e3:>11.1f}"
            f" {row['ratio']:>7.3f} {row['resident_mib']:>13.0f}"
        )
    print(json.dumps({"refit": rows}))


if __name__ == "__main__":
    main()
