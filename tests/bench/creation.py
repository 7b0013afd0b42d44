"""How many collections are made a second: ``python -m tests.bench.creation [N] [AT_ONCE]``.

Over HTTP while everything runs, so many requests at a time, with the gateway's limit of requests
raised. Each is recorded, has its consumers, and is taken up by discovery when it is answered.
Reference from the same run: as many questions for a collection, which change nothing.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from tests.bench.processes import cpu_s, resident_mib
from tests.e2e.local_run import live_run, write_source


async def timed(
    count: int, at_once: int, ask: Callable[[int], Awaitable[httpx.Response]], wanted: int
) -> tuple[float, list[float]]:
    """Ask so often; returns how many were answered a second, and how long each took."""
    numbers, took = iter(range(count)), []

    async def work() -> None:
        for number in numbers:
            started = time.perf_counter()
            answer = await ask(number)
            assert answer.status_code == wanted, answer.text
            took.append(time.perf_counter() - started)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return count / (time.perf_counter() - started), sorted(took)


def tell(what: str, rate: float, took: list[float]) -> None:
    middle, late = statistics.median(took), took[int(0.95 * len(took))]
    sys.stdout.write(
        f"{what}: {rate:.0f}/s, median {1000 * middle:.0f} ms, 95 % in {1000 * late:.0f} ms\n"
    )


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("count", nargs="?", type=int, default=200)
    parser.add_argument("at_once", nargs="?", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        os.environ["MAPSTREAM_INGESTION__ALLOWED_ROOTS"] = json.dumps([str(data)])
        os.environ["MAPSTREAM_GATEWAY__REQUESTS_PER_S"] = "10000"
        os.environ["MAPSTREAM_GATEWAY__BURST"] = "10000"
        write_source(folder / "runs" / "a.jsonl", 5, "a")
        for number in range(options.count):
            (data / f"c{number}").mkdir(parents=True)
        async with live_run(folder / "runs", folder / "out") as run:
            await run.settled(5)
            pid = await run.running("discovery")
            pids = {"discovery": pid, "gateway": await run.running("gateway")}
            before, spent = resident_mib(pid), {name: cpu_s(one) for name, one in pids.items()}
            limits = httpx.Limits(max_connections=options.at_once)
            async with httpx.AsyncClient(base_url=run.gateway, timeout=120, limits=limits) as http:

                def make(number: int) -> Awaitable[httpx.Response]:
                    source = {"path": str(data / f"c{number}")}
                    body = {"name": f"c{number}", "sources": [source]}
                    return http.post("/api/collections", json=body)

                def look(number: int) -> Awaitable[httpx.Response]:
                    return http.get(f"/api/collections/c{number}")

                tell("made", *await timed(options.count, options.at_once, make, 201))
                for service, one in pids.items():
                    cost = 1000 * (cpu_s(one) - spent[service]) / options.count
                    sys.stdout.write(f"{service}: {cost:.1f} ms of CPU a collection\n")
                tell("asked for", *await timed(options.count, options.at_once, look, 200))
            sys.stdout.write(
                f"discovery: {before:.0f} MiB before, {resident_mib(pid):.0f} MiB after\n"
            )


if __name__ == "__main__":
    asyncio.run(main())
