"""The page in a real browser on a large map: ``python -m tests.bench.page [POINTS ...]``.

The map is filled by writing's own adapters and served by the real gateway and writing; what
projection would send comes from here. Chromium draws in software. Told are the time from the
address to the picture with all points, the longest tasks of the main thread while points come,
while a source is replaced and during a refit (those that draw apart), and how long hovering,
filtering, the lasso and a search take; and, after a minute of 1,000 points a second, how many
points the page has elsewhere than the public file, or not at all. The reference beside each
opening is how long the same browser sorts a million numbers. No test asserts any of it: they are
times.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.bench.large_map import PER_SOURCE, LargeMap, large_map
from tests.browser import browser
from tests.e2e.page_reading import shown, stored

SIZES = (100_000, 1_000_000)
OPENINGS = 3
APPEND_S = 60
PER_S = 1_000
PATIENCE_MS = 600_000
WATCH = (Path(__file__).parent / "page_watch.js").read_text()
APP = "document.querySelector('page-app').controller"
Figures = dict[str, Any]


async def open_page(window: Browser, url: str, points: int) -> tuple[Page, Figures]:
    """Open the page as somebody new does; tell when the first and when all points are seen."""
    context = await window.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.add_init_script(WATCH)
    await page.goto(url)
    await page.wait_for_function(
        "(points) => window.watched?.wholeAt.some(([drawn]) => drawn >= points)", arg=points
    )
    seen = await page.evaluate("watched.wholeAt")
    await page.evaluate("() => { watched.isOver = true; watched.wholeAt = []; }")
    first = next(at for drawn, at in seen if drawn > 0)
    whole = next(at for drawn, at in seen if drawn >= points)
    told = {"first_ms": round(first), "all_ms": round(whole)}
    return page, {**told, "reference_ms": round(await page.evaluate("reference()"))}


@asynccontextmanager
async def observed(page: Page) -> AsyncIterator[dict[str, int]]:
    """Tell how long the longest tasks of the main thread took, in milliseconds."""
    began = await page.evaluate("performance.now()")
    told: dict[str, int] = {}
    yield told
    told.update(await page.evaluate("blocked", began))


async def until(page: Page, points: int, version: int) -> None:
    """Wait until the page has so many points of a model, and is still."""
    await page.wait_for_function(
        "([points, version]) => { const one = document.querySelector('page-app').controller;"
        " return one.points.size === points && one.store.state.model === version; }",
        arg=[points, version],
    )
    await page.wait_for_timeout(2500)  # the glide, and what is put into its place after it


async def appending(page: Page, world: LargeMap, points: int) -> Figures:
    """Let points come, 1,000 a second."""
    start = time.perf_counter()
    async with observed(page) as told:
        for second in range(APPEND_S):
            await world.append(PER_S)
            await asyncio.sleep(max(0.0, start + second + 1 - time.perf_counter()))
        await until(page, points + APPEND_S * PER_S, world.version)
    return {**told, "differing": await differing(page, world, points + APPEND_S * PER_S)}


async def differing(page: Page, world: LargeMap, points: int) -> int:
    """Compare the page with the public file, once that has all points; tell what differs."""
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while world.marks()[0] < points:
            await asyncio.sleep(0.2)
    seen, there = await shown(page), stored(world.deployment.output)
    return sum(seen.get(key) != there.get(key) for key in seen.keys() | there.keys())


async def refitting(page: Page, world: LargeMap, points: int) -> Figures:
    """Fit the map anew."""
    start = time.perf_counter()
    async with observed(page) as told:
        version = await world.refit()
        await until(page, points, version)
        took = time.perf_counter() - start
    return {**told, "seen_after_s": round(took, 1)}


async def replacing(page: Page, world: LargeMap, points: int) -> Figures:
    """Replace a source by a version that has half as many points."""
    async with observed(page) as told:
        await world.replace("run-0003", 2, PER_SOURCE // 2)
        await until(page, points - PER_SOURCE // 2, world.version)
    return told


async def hands_on(page: Page) -> Figures:
    """Do what a reader does, each several times; milliseconds, the middle one."""
    told: dict[str, list[float]] = {"hover": [], "hover_text": [], "filter": [], "lasso": []}
    for x, y in await page.evaluate("places()"):
        await page.evaluate(
            "() => { window.hovered = null; addEventListener('pointermove', (event) => {"
            " timed(() => {}, () => !document.querySelector('.tip').hidden)"
            " .then((ms) => { window.hovered = ms; }); }, { once: true, capture: true }); }"
        )
        start = time.perf_counter()
        await page.mouse.move(x, y)
        await page.wait_for_function("() => window.hovered !== null")
        told["hover"].append(float(await page.evaluate("hovered")))
        await page.wait_for_function(
            "() => document.querySelector('.tip-text')?.textContent.length > 3"
        )
        told["hover_text"].append((time.perf_counter() - start) * 1000)
        await page.mouse.move(3, 3)
        await page.wait_for_function("() => document.querySelector('.tip').hidden")
        filtered = "timed(() => document.querySelector('.entry').click(), () => true)"
        told["filter"].append(float(await page.evaluate(filtered)))
        await page.evaluate("document.querySelector('.entry').click()")
        told["lasso"].append(await lasso(page))
    await page.evaluate(f"{APP}.finding.clear()")
    middles = {name: round(statistics.median(values)) for name, values in told.items()}
    return {**middles, "search": round(await search(page))}


async def lasso(page: Page) -> float:
    """Select what lies in a circle of half the map's height."""
    return float(
        await page.evaluate(
            f"""() => {{
              const {{ finding, points, store }} = {APP};
              const corners = Array.from({{ length: 60 }}, (_, i) =>
                ({{ x: 4 * Math.cos(i / 60 * 6.28), y: 4 * Math.sin(i / 60 * 6.28) }}));
              return timed(() => void finding.find({{ kind: "area", corners }}),
                () => store.state.listing?.state === "found");
            }}"""
        )
    )


async def search(page: Page) -> float:
    """Look for a word that a fifth of the texts have, until it is lit."""
    return float(
        await page.evaluate(
            f"timed(() => void {APP}.finding.find({{ kind: 'words', words: 'invoice' }}),"
            f" () => {APP}.store.state.listing?.state === 'found')"
        )
    )


async def measure(folder: Path, points: int) -> Figures:
    async with large_map(folder, points) as world, browser() as window:
        opened = []
        for _ in range(OPENINGS - 1):
            page, figures = await open_page(window, world.gateway, points)
            opened.append(figures)
            await page.context.close()
        page, figures = await open_page(window, world.gateway, points)
        opened.append(figures)
        found: Figures = {"opened": opened, "hands_ms": await hands_on(page)}
        found["appending_ms"] = await appending(page, world, points)
        points += APPEND_S * PER_S
        found["refitting_ms"] = await refitting(page, world, points)
        found["replacing_ms"] = await replacing(page, world, points)
        return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES)
    told = {}
    for points in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory(prefix="mapstream-page-") as folder:
            told[f"{points:_}"] = asyncio.run(measure(Path(folder), points))
        sys.stdout.write(f"{points:,}: {json.dumps(told[f'{points:_}'])}\n")
    load = [round(one, 1) for one in os.getloadavg()]
    sys.stdout.write(json.dumps({"page": told, "load": load}) + "\n")


if __name__ == "__main__":
    main()
