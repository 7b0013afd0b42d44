"""Ingestion with and without refits: ``python -m tests.bench.throughput`` (of ``make bench``)."""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import nats

from services.cli.commands.watcher import Watcher
from tests.e2e.local_run import check_coordinates, live_run, rows, wait_for_rows, write_source

SOURCES = 600
RECORDS = 150
REFITS = 20


async def ingest(folder: Path, *, refits: int) -> dict[str, float]:
    """Feed one run from a generator at full speed; refits follow each other meanwhile."""
    sources, output = folder / "runs", folder / "out"
    write_source(sources / "first.jsonl", 10, "warm up")
    async with live_run(sources, output) as run:
        await wait_for_rows(output, lambda found: len(found) == 10)
        client = await nats.connect(run.url)
        watcher = Watcher(client, "default")
        for number in range(SOURCES):
            write_source(sources / f"{number}.jsonl", RECORDS, f"agent {number % 17}")
        total = 10 + SOURCES * RECORDS
        begun, first, asked = 0.0, 0, 0
        versions = set()
        while True:
            figures = await watcher.look()
            if not begun and figures.ledger.records.mapped > 10:
                begun, first = time.perf_counter(), figures.ledger.records.mapped
            versions.add(figures.model.version)
            if begun and asked < refits and figures.dataset.model_version == figures.model.version:
                asked += 1
                await client.publish("command.refit.default", b'{"force": true}')
            if figures.ledger.records.mapped == total:
                break
        seconds = time.perf_counter() - begun
        while asked < refits:
            asked += 1
            await client.publish("command.refit.default", b'{"force": true}')
        await wait_for_rows(output, lambda found: len(found) == total)
        await client.close()
        await run.stop()
    found = rows(output)
    assert len({row["id"] for row in found}) == len(found) == total
    model = check_coordinates(output)
    return {
        "records_per_s": (total - first) / seconds,
        "model_versions": model.version,
        "refits_during": len(versions),
    }


async def measure() -> dict[str, dict[str, float]]:
    results = {}
    for name, refits in (("without", 0), ("with", REFITS)):
        with tempfile.TemporaryDirectory() as folder:
            results[name] = await ingest(Path(folder), refits=refits)
    return results


def main() -> None:
    results = asyncio.run(measure())
    ratio = results["with"]["records_per_s"] / results["without"]["records_per_s"]
    for name, figures in results.items():
        sys.stdout.write(
            f"{name:>8} refits: {figures['records_per_s']:.0f} records/s, {figures}\n"
        )
    sys.stdout.write(f"ratio {ratio:.2f}\n" + json.dumps({"throughput": results}) + "\n")


if __name__ == "__main__":
    main()
