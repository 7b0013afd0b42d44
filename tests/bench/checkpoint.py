"""What a checkpoint of projection costs: ``python -m tests.bench.checkpoint [OTHER PROGRAM]``.

Handlers and store without a bus: the time of a checkpoint of one record, by dimension, and the
CPU of a record of 384 numbers in micro-batches of one and of 16 batches. Of another program, the
root of a work tree of it, the ratio is told, too; both take turns. Writes JSON.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.domain.refits import Rules
from services.projection.handlers.project import project
from shared.contracts.batches import Batch
from tests.builders import embedded_batch
from tests.fakes.clock import FrozenClock

DIMENSIONS = (384, 1024, 3072)
ONE_BY_ONE = 7
RECORDS = 64
TOGETHER = (1, 16)
BATCHES = 160
TURNS = 1
STEADY = Rules(refit_threshold=1e9, mean_shift=1e9, unexplained=1e9, drift_growth=1e9)


def batch(number: int, count: int, dimension: int) -> Batch:
    values = np.random.default_rng(number).normal(size=(count, dimension)).astype(np.float32)
    return embedded_batch(values, first=RECORDS * number, batch_id=f"batch-{number}")


class Map:
    """A collection, with everything that its handlers need."""

    def __init__(self, store: Any, state: Any) -> None:
        self._parts = {"state": state, "store": store}

    async def take(self, some: list[Batch]) -> None:
        await project(some, clock=FrozenClock(), rules=STEADY, **self._parts)

    async def settle(self, told: list[Any]) -> None:
        """Take in what is stored; old programs do not ask."""
        if told:
            from services.projection.handlers.settle import settle  # noqa: PLC0415

            await settle(told, **self._parts)


def told_of_all(some: list[Batch]) -> list[Any]:
    """Return what writing would tell of batches; its checksums are no work of projection."""
    if find_spec("services.projection.handlers.settle") is None:
        return []
    from tests.unit.projection.stage import told_of  # noqa: PLC0415

    return [*map(told_of, some)]


async def one_by_one(folder: Path, dimension: int) -> float:
    """Return the median time of a checkpoint of one record, milliseconds."""
    async with open_store(folder / "projection.sqlite") as store:
        held = Map(store, await store.load("default"))
        await held.take([batch(0, dimension, dimension)])
        took = []
        for number in range(1, ONE_BY_ONE + 1):
            one = batch(number, 1, dimension)
            begun = time.perf_counter()
            await held.take([one])
            took.append(time.perf_counter() - begun)
        return 1e3 * statistics.median(took)


async def per_record(folder: Path, together: int) -> float:
    """Return the CPU of a record of 384 numbers that comes and is stored, microseconds."""
    some = [batch(number, RECORDS, 384) for number in range(BATCHES)]
    told = told_of_all(some)
    async with open_store(folder / "projection.sqlite") as store:
        held = Map(store, await store.load("default"))
        begun = time.process_time()
        for start in range(0, BATCHES, together):
            await held.take(some[start : start + together])
            await held.settle(told[start : start + together])
        return 1e6 * (time.process_time() - begun) / (BATCHES * RECORDS)


async def measure() -> dict[str, float]:
    found = {}
    for dimension in DIMENSIONS:
        with tempfile.TemporaryDirectory() as folder:
            found[f"{dimension}: ms"] = await one_by_one(Path(folder), dimension)
    for together in TOGETHER:
        with tempfile.TemporaryDirectory() as folder:
            found[f"{together} together: CPU us"] = await per_record(Path(folder), together)
    return found


def measured(root: Path) -> dict[str, float]:
    """Measure the program of a work tree, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(root), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--measure"]
    run = subprocess.run(command, env=environment, cwd=root, check=True, capture_output=True)
    return dict(json.loads(run.stdout))


def main(arguments: list[str]) -> None:
    if arguments == ["--measure"]:
        sys.stdout.write(json.dumps(asyncio.run(measure())))
        return
    here = Path(__file__).parents[2]
    roots = [here, *map(Path, arguments)]
    turns = [[measured(root) for root in roots] for _ in range(TURNS)]
    for name in turns[0][0]:
        ours, *others = (
            statistics.median(turn[i][name] for turn in turns) for i in range(len(roots))
        )
        ratios = [round(ours / other, 3) for other in others]
        print(
            json.dumps({"what": name, "here": round(ours, 2), "others": others, "ratios": ratios})
        )


if __name__ == "__main__":
    main(sys.argv[1:])
