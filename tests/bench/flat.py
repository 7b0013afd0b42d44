"""What grows with the sources that are mapped already: ``python -m tests.bench.flat [N ...]``.

A ledger of N sources is filled by the product's own adapter, their files are there, and some of
them have changed. Told are CPU and memory of a look at everything, and of the look for sources
that stand still, each by a process of its own; and their ratio to those of the first N. No test
asserts it: what a look may ask for is tested where it stands.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.ledger import Commit
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.found import Found
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.scan import scan
from services.discovery.handlers.stalls import StallFinder
from shared.clock import SystemClock
from tests.unit.discovery.builders import END, RULES

SIZES = (10_000, 100_000)
PER_FOLDER = 1_000
AT_ONCE = 500
Figures = dict[str, float]


def write_files(folder: Path, sources: int) -> None:
    for number in range(sources):
        path = folder / f"{number // PER_FOLDER:04d}" / f"run-{number:07d}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'{"final_answer":1}\n')


async def fill(folder: Path) -> None:
    """Note every file as mapped, and every tenth as on its way."""
    repository, clock = repository_of(folder), SystemClock()
    async with SqliteStateStore.open(folder / "state") as store:

        async def note(number: int, stat: SourceStat) -> None:
            now, batch = clock.now(), f"{stat.source_id}-0"
            content = ContentHash(stat.source_id * 2)
            version = (await store.begin_version(stat, content, RULES, now)).number
            await store.record_batch(batch, stat.source_id, version, 1)
            await store.finish_reading(stat.source_id, version, END, now)
            if number % 10:
                commit = Commit(batch, stat.source_id, version, 1)
                await store.apply_committed([commit], now)
                await store.mark_announced(stat.source_id, "completed")

        page: list[SourceStat] = []
        number = 0
        async for listed in repository.list_sources():
            assert isinstance(listed, SourceStat)
            page.append(listed)
            if len(page) == AT_ONCE:
                await asyncio.gather(*(note(number + i, one) for i, one in enumerate(page)))
                number, page = number + len(page), []
        await asyncio.gather(*(note(number + i, one) for i, one in enumerate(page)))


def repository_of(folder: Path) -> FolderSourceRepository:
    return FolderSourceRepository([Root(folder / "runs")])


async def look_at_everything(store: SqliteStateStore, folder: Path) -> None:
    async def take(_: Found) -> None:
        """Leave it."""

    options = ScanOptions("default", recheck_after=timedelta(days=30), is_first=False)
    await scan(repository_of(folder), store, SystemClock(), take=take, options=options)


async def look_for_stalls(store: SqliteStateStore, _: Path) -> None:
    finder = StallFinder("default", after_s=600)
    for _turn in range(10):
        await finder.look({}, stalls=store, clock=SystemClock())


async def read_totals(store: SqliteStateStore, _: Path) -> None:
    for _turn in range(100):
        await store.totals("default")
        await store.stalls("default", 20)
        await store.count_stalls("default")


Work = Callable[[SqliteStateStore, Path], Awaitable[None]]
WORKS: dict[str, tuple[Work, int]] = {
    "full look": (look_at_everything, 1),
    "look for stalls": (look_for_stalls, 10),
    "status": (read_totals, 100),
}
"""What is measured, and how often each does it."""


async def measure(folder: Path, name: str) -> Figures:
    work, times = WORKS[name]
    async with SqliteStateStore.open(folder / "state") as store:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun, cpu = time.perf_counter(), time.process_time()
        await work(store, folder)
        return {
            "cpu_ms": (time.process_time() - cpu) * 1000 / times,
            "wall_ms": (time.perf_counter() - begun) * 1000 / times,
            "peak_mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        }


def measure_apart(folder: Path, name: str) -> Figures:
    command = (sys.executable, "-m", "tests.bench.flat", "--folder", folder, "--work", name)
    found: Figures = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def compare(sizes: Sequence[int]) -> None:
    first: dict[str, Figures] = {}
    for sources in sizes:
        with tempfile.TemporaryDirectory(prefix="mapstream-flat-") as name:
            folder = Path(name)
            write_files(folder / "runs", sources)
            asyncio.run(fill(folder))
            for work in WORKS:
                found = measure_apart(folder, work)
                base = first.setdefault(work, found)
                told = ", ".join(
                    f"{key} {value:.1f} (x{value / base[key]:.1f})" if base[key] else f"{key} 0"
                    for key, value in found.items()
                )
                sys.stdout.write(f"{sources} sources, {work}: {told}\n")
                sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--work", choices=tuple(WORKS))
    asked = parser.parse_args()
    if asked.folder is None:
        compare(asked.sizes)
    else:
        json.dump(asyncio.run(measure(asked.folder, asked.work)), sys.stdout)


if __name__ == "__main__":
    main()
