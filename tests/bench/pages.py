"""What open pages cost the gateway: ``python -m tests.bench.pages [PAGES [SECONDS]]``.

Plain clients do what a page does: follow ``/events``, and ask ``/map?since=`` when something was
committed, one request at a time. Each has to get every point once. Told are the memory of the
gateway with one page, with all of them, and after so many seconds of 1,000 points each, and how
much later than the last commit the last page had everything.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pyarrow as pa

from tests.bench.large_map import LargeMap, large_map, memory_of

PAGES, SECONDS = 200, 20
POINTS, PER_S = 20_000, 1_000
PATIENCE_S = 600.0
UNAVAILABLE, AGAIN_S = 503, 1.5
"""As the page does it."""
SETTINGS = {
    "MAPSTREAM_GATEWAY__MAX_STREAMS": "1024",
    "MAPSTREAM_GATEWAY__MAX_STREAMS_PER_CLIENT": "1024",
    "MAPSTREAM_GATEWAY__MAX_CONNECTIONS_PER_CLIENT": "1024",
    "MAPSTREAM_GATEWAY__BURST": "100000",
}
"""All of them come from one address here."""


@dataclass
class OpenPage:
    """A page without a screen."""

    http: httpx.AsyncClient
    since: str = "0"
    refused: int = 0
    is_following: asyncio.Event = field(default_factory=asyncio.Event)
    ids: list[pa.Array] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(map(len, self.ids))

    async def run(self) -> None:
        """Take what there is, then what comes."""
        async with self.http.stream("GET", "/events", params={"collection": "default"}) as news:
            whole = await self.http.get("/map")
            await self.take(whole)
            self.is_following.set()
            async for line in news.aiter_lines():
                if line == "event: writing.committed":
                    while await self.ask():
                        pass

    async def ask(self) -> bool:
        """Ask for what came; tells whether there is more."""
        wish = {"since": self.since, "model_version": "1"}
        answer = await self.http.get("/map", params=wish)
        while answer.status_code == UNAVAILABLE:
            self.refused += 1
            await asyncio.sleep(AGAIN_S)
            answer = await self.http.get("/map", params=wish)
        await self.take(answer)
        return answer.headers["x-mapstream-more"] == "true"

    async def take(self, answer: httpx.Response) -> None:
        answer.raise_for_status()
        table = pa.ipc.open_stream(answer.content).read_all()
        if table.num_rows:
            self.ids.append(table.column("id").combine_chunks())
        self.since = answer.headers["x-mapstream-since"]

    def repeats(self) -> int:
        """Return how many points came more than once."""
        return self.count - len(pa.concat_arrays(self.ids).unique())


async def measure(world: LargeMap, pages: int, seconds: int) -> dict[str, float]:
    pid = world.pid_of("gateway")
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with (
        httpx.AsyncClient(base_url=world.gateway, timeout=PATIENCE_S, limits=limits) as http,
        asyncio.TaskGroup() as group,
    ):
        opened: list[OpenPage] = []
        tasks: list[asyncio.Task[None]] = []

        async def add(count: int) -> int:
            for _ in range(count):
                one = OpenPage(http)
                opened.append(one)
                tasks.append(group.create_task(one.run()))
                await one.is_following.wait()
            return memory_of(pid)

        with_one = await add(1)
        with_all = await add(pages - 1)
        begun = time.perf_counter()
        for second in range(seconds):
            await world.append(PER_S)
            await asyncio.sleep(max(0.0, begun + second + 1 - time.perf_counter()))
        sent = time.perf_counter()
        total = POINTS + seconds * PER_S
        async with asyncio.timeout(PATIENCE_S):
            while any(one.count < total for one in opened):
                await asyncio.sleep(0.05)
        late = time.perf_counter() - sent
        flowing = memory_of(pid)
        for task in tasks:
            task.cancel()
    return {
        "pages": pages,
        "points": total,
        "repeats": sum(one.repeats() for one in opened),
        "refused": sum(one.refused for one in opened),
        "too_many": sum(one.count - total for one in opened),
        "with_one_mb": round(with_one / 1e6, 1),
        "with_all_mb": round(with_all / 1e6, 1),
        "after_the_flow_mb": round(flowing / 1e6, 1),
        "mb_for_each": round((max(with_all, flowing) - with_one) / 1e6 / pages, 3),
        "all_had_all_after_s": round(late, 1),
    }


async def run(pages: int, seconds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="mapstream-pages-") as folder:
        async with large_map(Path(folder), POINTS, **SETTINGS) as world:
            return await measure(world, pages, seconds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pages", type=int, nargs="?", default=PAGES)
    parser.add_argument("seconds", type=int, nargs="?", default=SECONDS)
    asked = parser.parse_args()
    told = asyncio.run(run(asked.pages, asked.seconds))
    load = [round(one, 1) for one in os.getloadavg()]
    sys.stdout.write(json.dumps({"pages": told, "load": load}) + "\n")


if __name__ == "__main__":
    main()
