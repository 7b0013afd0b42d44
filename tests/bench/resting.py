"""What many collections cost that rest: ``python -m tests.bench.resting [COLLECTIONS] [PAIRS]``.

Two runs. In the first, one collection has as many records as all of the second together, in as
many files. In the second, with the gateway's limit raised: how many are made a second over HTTP,
each with ten records; that the dataset of each has just the records of its folder, as an
independent reader finds them; and how long it takes until a new record is in the dataset, of a
collection that is busy, of one that rests and of a new one, in turn. Of both: memory of each
service, and its CPU while nothing happens, as the kernel counts it.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import nats

from tests.bench.processes import Costs
from tests.chaos.facts import texts
from tests.e2e.local_run import LiveRun, expected_records, live_run, write_source

RECORDS = 10
IDLE_S = 60.0
"""One look at everything is in it."""
PATIENCE_S = 3600.0
PROMPT = {
    "MAPSTREAM_INGESTION__REST_AFTER_S": "2",
    "MAPSTREAM_INGESTION__TRIGGER__DEBOUNCE_S": "0.05",
    "MAPSTREAM_GATEWAY__REQUESTS_PER_S": "10000",
    "MAPSTREAM_GATEWAY__BURST": "10000",
}
"""Variables with which collections come to rest soon, and nobody is held up by the gateway."""


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def listed(figures: dict[str, float], unit: str) -> str:
    return ", ".join(f"{name} {one:.0f}" for name, one in figures.items()) + f" {unit}"


def rows(output: Path, name: str) -> dict[str, str]:
    found = texts(output / name / "store.lance")
    if len(found) != len(dict(found)):
        raise SystemExit(f"{name} has a record twice")
    return dict(found)


async def has(output: Path, name: str, folder: Path) -> None:
    """Wait until the dataset of a collection has just the records of a folder."""
    wanted = expected_records(folder)
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(rows, output, name) != wanted:
            await asyncio.sleep(0.02)


async def at_rest(run: LiveRun) -> tuple[dict[str, float], dict[str, float]]:
    """Return CPU in milliseconds a second, and memory in MiB, of each while nothing happens."""
    costs = await Costs.now(run)
    await asyncio.sleep(IDLE_S)
    return {name: 1000 * one / IDLE_S for name, one in costs.since().items()}, costs.memory()


async def consumers(run: LiveRun) -> int:
    client = await nats.connect(run.url)
    account = await client.jetstream(timeout=30).account_info()
    await client.close()
    return account.consumers


async def make_all(http: httpx.AsyncClient, data: Path, names: Sequence[str]) -> float:
    left, started = iter(names), time.perf_counter()

    async def work() -> None:
        for name in left:
            body: dict[str, Any] = {"name": name, "sources": [{"path": str(data / name)}]}
            answer = await http.post("/api/collections", json=body)
            assert answer.status_code == 201, answer.text

    async with asyncio.TaskGroup() as group:
        for _ in range(16):
            group.create_task(work())
    return len(names) / (time.perf_counter() - started)


async def firsts(http: httpx.AsyncClient, data: Path, output: Path, names: Sequence[str]) -> None:
    """Time a record of one that rests, of a busy one, and of a new one, in turn."""
    took: dict[str, list[float]] = {"busy": [], "at rest": [], "new": []}
    for number, name in enumerate(names):
        (data / f"new{number}").mkdir()
        body = {"name": f"new{number}", "sources": [{"path": str(data / f"new{number}")}]}
        for what, which in (("at rest", name), ("busy", name), ("new", f"new{number}")):
            write_source(data / which / f"{what}.jsonl", 1, what)
            started = time.perf_counter()
            if what == "new":
                assert (await http.post("/api/collections", json=body)).status_code == 201
            await has(output, which, data / which)
            took[what].append(time.perf_counter() - started)
    for what, times in took.items():
        say(f"first record, {what}: median {1000 * statistics.median(times):.0f} ms")


async def in_one(folder: Path, count: int) -> tuple[dict[str, float], dict[str, float]]:
    runs, output = folder / "runs", folder / "out"
    for number in range(count):
        write_source(runs / f"{number}.jsonl", RECORDS, str(number))
    async with live_run(runs, output, "--json") as run:
        await run.settled(count * RECORDS)
        await run.http()
        await asyncio.sleep(10)
        return await at_rest(run)


async def in_many(
    folder: Path, count: int, pairs: int
) -> tuple[dict[str, float], dict[str, float]]:
    data, output = folder / "data", folder / "out"
    os.environ["MAPSTREAM_INGESTION__ALLOWED_ROOTS"] = json.dumps([str(data)])
    write_source(folder / "runs" / "a.jsonl", RECORDS, "a")
    names = [f"c{number}" for number in range(count)]
    for one in names:
        write_source(data / one / "a.jsonl", RECORDS, one)
    limits = httpx.Limits(max_connections=16)
    async with live_run(folder / "runs", output, "--json") as run:
        await run.settled(RECORDS)
        await run.http()
        alone, costs = await consumers(run), await Costs.now(run)
        async with httpx.AsyncClient(base_url=run.gateway, timeout=300, limits=limits) as http:
            say(f"made: {await make_all(http, data, names):.0f} a second")
            say(f"CPU until then: {listed(costs.since(), 's')}")
            started = time.perf_counter()
            for one in names:
                await has(output, one, data / one)
            say(f"all {count} mapped, equal, {time.perf_counter() - started:.0f} s later")
            say(f"CPU until then: {listed(costs.since(), 's')}")
            while await consumers(run) > alone:
                await asyncio.sleep(0.5)
            say(f"all at rest {time.perf_counter() - started:.0f} s later")
            say(f"CPU until then: {listed(costs.since(), 's')}")
            await asyncio.sleep(10)
            told = await at_rest(run)
            await firsts(http, data, output, names[:pairs])
            return told


def compare(one: dict[str, float], many: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.0f} : {many[name]:.0f}" for name, value in one.items())


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", nargs="?", type=int, default=300)
    parser.add_argument("pairs", nargs="?", type=int, default=10)
    options = parser.parse_args()
    os.environ |= PROMPT
    with tempfile.TemporaryDirectory(prefix="resting-") as name:
        folder = Path(name)
        one = await in_one(folder / "one", options.count)
        many = await in_many(folder / "many", options.count, options.pairs)
    for what, before, after in zip(("ms of CPU a second", "MiB"), one, many, strict=True):
        say(f"{what}, one collection : {options.count}: {compare(before, after)}")


if __name__ == "__main__":
    asyncio.run(main())
