"""What a page holds while sources are replaced: ``python -m tests.bench.page_heap [MINUTES]``.

100,000 points; 100 times a minute a source of 500 points gets another version. After each minute
the browser collects its garbage, and what is left is told: objects, and the columns of points.
No test asserts it.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from playwright.async_api import CDPSession

from tests.bench.large_map import LargeMap, large_map
from tests.bench.page import open_page, until
from tests.browser import browser

MINUTES = 3
POINTS, REPLACED = 100_000, 500
PAUSE_S = 0.6
NAME = "replaced"
LOOKS = 12


async def held(session: CDPSession) -> float:
    """Return the bytes that are left when garbage was collected; another table may be coming."""
    await session.send("HeapProfiler.collectGarbage")
    await asyncio.sleep(1)
    heap = await session.send("Runtime.getHeapUsage")
    return float(heap["usedSize"] + heap.get("backingStorageSize", 0))


def tell_minute(minute: int, left: float, version: int) -> None:
    """Write a line at once, so that a long run can be watched."""
    sys.stdout.write(f"minute {minute}: {left / 1e6:.2f} MB after {version} replacements\n")
    sys.stdout.flush()


async def measure(world: LargeMap, minutes: int) -> dict[str, object]:
    async with browser() as window:
        page, _ = await open_page(window, world.gateway, POINTS)
        session = await page.context.new_cdp_session(page)
        total, version = POINTS + REPLACED, 0
        told: list[float] = []
        for _ in range(minutes + 1):
            begun = time.perf_counter()
            for turn in range(round(60 / PAUSE_S)):
                version += 1
                await world.replace(NAME, version, REPLACED)
                wanted = begun + (turn + 1) * PAUSE_S
                await asyncio.sleep(max(0.0, wanted - time.perf_counter()))
            await until(page, total, world.version)
            told.append(min([await held(session) for _ in range(LOOKS)]))
            tell_minute(len(told) - 1, told[-1], version)
        first, *later = told
        return {
            "minutes": minutes,
            "replacements": version,
            "megabytes": [round(one / 1e6, 2) for one in told],
            "most_away_from_first": round(max(abs(one / first - 1) for one in later), 4),
        }


async def run(minutes: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="mapstream-heap-") as folder:
        async with large_map(Path(folder), POINTS) as world:
            return await measure(world, minutes)


def main() -> None:
    told = asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else MINUTES))
    load = [round(one, 1) for one in os.getloadavg()]
    sys.stdout.write(json.dumps({"page_heap": told, "load": load}) + "\n")


if __name__ == "__main__":
    main()
