"""Large inputs and a pipeline that cannot keep up, for minutes: ``make soak``.

Each part prints what it measured and fails if a bound does not hold. Parts can be named:
``make soak ARGS="lines files backpressure"``.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pyarrow.parquet as pq

from tests.e2e.local_run import live_run, rows, run_once
from tests.fakes.embedding_server import EmbeddingServer
from tests.soak.backpressure import (
    MIB,
    SlowEmbedder,
    Watch,
    sluggards,
    table,
    watching,
    write_config,
    write_long_source,
)
from tests.soak.files import write_many_small, write_with_huge_line

PATIENCE_S = 3600.0
MOST_MEMORY = 1024 * MIB


async def lines(folder: Path, options: argparse.Namespace) -> None:
    """Read a log with a line of two gigabytes."""
    write_with_huge_line(folder / "runs" / "huge.jsonl", options.line_bytes)
    started = time.monotonic()
    async with live_run(folder / "runs", folder / "out") as run, watching(run) as watch:
        await _mapped(watch, folder / "out", 2)
        print(f"a line of {options.line_bytes:,} bytes: {time.monotonic() - started:.0f} s")
    print(table(watch), flush=True)
    check(watch)
    finished = await run_once(folder / "runs", folder / "out")
    require(finished.summary["records"]["dead"] == 1, finished.text)


async def files(folder: Path, options: argparse.Namespace) -> None:
    """Map many small logs, and look at them once more."""
    write_many_small(folder / "runs", options.files)
    started = time.monotonic()
    async with live_run(folder / "runs", folder / "out") as run, watching(run) as watch:
        for tenth in range(1, 11):
            count = options.files * tenth // 10
            await _mapped(watch, folder / "out", count)
            print(f"{count:,} mapped after {time.monotonic() - started:.0f} s", flush=True)
    rate = options.files / (time.monotonic() - started)
    print(f"{options.files:,} logs of one record: {rate:.0f}/s")
    print(table(watch), flush=True)
    check(watch)
    started = time.monotonic()
    told = (await run_once(folder / "runs", folder / "out")).summary["records"]
    print(f"all looked at again in {time.monotonic() - started:.0f} s: {told}", flush=True)
    require(told["seen"] == told["mapped"] == options.files, "records are missing")
    ids = {row["id"] for row in rows(folder / "out")}
    require(len(ids) == options.files, f"{len(ids)} ids")


async def backpressure(folder: Path, options: argparse.Namespace) -> None:
    """Feed a long log to a server that embeds one text a second; then take the brake off."""
    embedder = SlowEmbedder(1.0, dimension=384)
    write_long_source(folder / "runs" / "long.jsonl", options.records, length=500)
    async with EmbeddingServer(embedder).running() as url:
        config = write_config(folder / "config.yaml", url)
        async with (
            live_run(folder / "runs", folder / "out", "--config", str(config)) as run,
            watching(run) as watch,
            sluggards(run.url),
        ):
            await watch.seconds(options.seconds)
            print(f"one text a second for {options.seconds} s: {embedder.embedded} embedded")
            print(table(watch), flush=True)
            embedder.texts_per_s = None
            started = time.monotonic()
            await _mapped(watch, folder / "out", options.records)
            seconds = time.monotonic() - started
            print(f"all {options.records:,} mapped {seconds:.0f} s after the brake was taken off")
    print(table(watch), flush=True)
    check(watch)
    ids = {row["id"] for row in rows(folder / "out")}
    require(len(ids) == options.records, f"{len(ids)} ids")


PARTS: dict[str, Callable[[Path, argparse.Namespace], Awaitable[None]]] = {
    "lines": lines,
    "files": files,
    "backpressure": backpressure,
}


async def _mapped(watch: Watch, output: Path, count: int) -> None:
    """Wait until so many records are in the public file, watching all the while."""
    await watch.until(lambda: published(output) >= count, PATIENCE_S)


def published(output: Path) -> int:
    file = output / "default" / "logs.parquet"
    if not file.exists():
        return 0
    with pq.ParquetFile(file) as opened:
        return int(opened.metadata.num_rows)


def check(watch: Watch) -> None:
    """See that no process took more memory than it may."""
    for process, size in watch.rss.items():
        require(size < MOST_MEMORY, f"{process} took {size / MIB:.0f} MiB")


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"soak: {otherwise}")


async def main() -> None:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("parts", nargs="*", default=[*PARTS], help=" ".join(PARTS))
    parser.add_argument("--line-bytes", type=int, default=2 << 30)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=180, help="of one text a second")
    options = parser.parse_args()
    for part in options.parts:
        print(f"--- {part}", flush=True)
        with tempfile.TemporaryDirectory(prefix="mapstream-soak-") as folder:
            (Path(folder) / "runs").mkdir()
            await PARTS[part](Path(folder), options)


if __name__ == "__main__":
    os.environ.setdefault("MAPSTREAM_LOG__LEVEL", "warning")
    asyncio.run(main())
