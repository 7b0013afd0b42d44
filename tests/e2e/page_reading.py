"""What a page in a browser shows, as numbers."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page

from tests.e2e.local_run import PATIENCE_S, rows

AXE = Path(__file__).parents[2] / "services/gateway/page/node_modules/axe-core/axe.min.js"
POINTS = """() => {
  const points = document.querySelector("page-app")?.controller.points;
  if (!points) return [];
  return Array.from({ length: points.size },
    (_, row) => [points.ids.textOf(row), points.x[row], points.y[row]]);
}"""
PIXELS = """async ([picture, places]) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return places.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data.slice(0, 3)]);
}"""
ADDRESS = """async () => {
  for (let i = 0; i < 2; i += 1) await new Promise(requestAnimationFrame);
  await new Promise((done) => setTimeout(done, 300));
  return location.href;
}"""
NO_NAMES = "() => { document.querySelector('.region-names').style.visibility = 'hidden'; }"
Place = tuple[float, float]


async def shown(page: Page) -> dict[str, Place]:
    """Return where the page has each point, by id; a point that is there twice fails."""
    found = await page.evaluate(POINTS)
    assert len({one[0] for one in found}) == len(found)
    return {key: (x, y) for key, x, y in found}


def stored(output: Path, collection: str = "default") -> dict[str, Place]:
    """Return where the Parquet has each record, by id."""
    found = rows(output, collection)
    return {one["id"]: (one["projection_x"], one["projection_y"]) for one in found}


async def until(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: It never did.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise AssertionError(what) from error


async def agrees(page: Page, output: Path, collection: str = "default") -> bool:
    """Tell whether page and Parquet have the same points at the same places."""
    return bool(found := await shown(page)) and found == stored(output, collection)


async def address(page: Page) -> str:
    """Return the address once it stays the same: it says a moment later what is seen."""
    said: list[str] = [""]

    async def stays() -> bool:
        said.append(await page.evaluate(ADDRESS))
        return said[-1] == said[-2]

    await until("the address stays the same", stays)
    return said[-1]


async def attributes(found: Locator, name: str) -> list[str]:
    """Return an attribute of each as they are at one moment: a list may be renewed any time."""
    script = "(all, name) => all.map((one) => one.getAttribute(name) ?? '')"
    return [str(one) for one in await found.evaluate_all(script, name)]


async def chosen_in(found: Locator) -> list[str]:
    """Return what is chosen in each, at one moment."""
    return [str(one) for one in await found.evaluate_all("all => all.map((one) => one.value)")]


async def boxes(found: Locator) -> list[dict[str, float]]:
    """Return where each is, at one moment: what is measured one by one may move meanwhile."""
    script = "all => all.map((one) => one.getBoundingClientRect().toJSON())"
    return [dict(one) for one in await found.evaluate_all(script)]


async def map_picture(page: Page) -> bytes:
    """Take a picture of the map without the names of regions: they come when they are found."""
    await page.evaluate(NO_NAMES)
    return await page.locator("#map-canvas").screenshot()


async def colours_at(page: Page, places: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return the colours of the map at some pixels."""
    picture = base64.b64encode(await map_picture(page)).decode()
    blank = await page.context.new_page()  # where no policy forbids pictures
    try:
        return [tuple(one) for one in await blank.evaluate(PIXELS, [picture, places])]
    finally:
        await blank.close()


def places_of(points: dict[str, Place], width: float, height: float) -> list[tuple[int, int]]:
    """Say where points are seen when all of the map is: the same rule, written again."""
    xs, ys = zip(*points.values(), strict=True)
    scale = min(width * 0.82 / (max(xs) - min(xs)), height * 0.82 / (max(ys) - min(ys)))
    middle = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    return [
        (
            round(width / 2 + (x - middle[0]) * scale),
            round(height / 2 - (y - middle[1]) * scale),
        )
        for x, y in points.values()
    ]


async def barriers(page: Page) -> list[str]:
    """List what axe finds serious, or worse."""
    await page.evaluate(AXE.read_text())
    found: dict[str, Any] = await page.evaluate("() => axe.run(document)")
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
