"""Search, likeness and selection in a real browser; compared with the Parquet, read plainly."""

import asyncio
import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route

from tests.e2e.local_run import read_table, rows
from tests.e2e.page_reading import (
    address,
    attributes,
    barriers,
    colours_at,
    places_of,
    stored,
    until,
)
from tests.e2e.page_world import EACH_SIZE, MARKS, RECORDS, World, picture, running_world

pytestmark = MARKS
GROUND = np.array((250, 250, 248))
LIT = """() => {
  const { points, painting } = document.querySelector("page-app").controller;
  return Array.from({ length: points.size }, (_, row) => row)
    .filter((row) => painting.marks.isLit(row)).map((row) => points.ids.textOf(row));
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("finding")) as made:
        yield made


async def lit(page: Page) -> set[str]:
    return set(await page.evaluate(LIT))


async def listed(page: Page) -> list[str]:
    return await attributes(page.locator(".found-item"), "data-id")


async def titled(page: Page, beginning: str) -> None:
    """Wait until the list says that it is ready."""
    title = page.locator("#found-title")

    async def says() -> bool:
        return (await title.all_inner_texts() or [""])[0].startswith(beginning)

    await until(f"a list of {beginning}", says)


def having(world: World, *words: str) -> list[str]:
    return [
        one["id"]
        for one in rows(world.run.output)
        if all(word.lower() in one["text"].lower() for word in words)
    ]


async def test_words_are_found_in_every_text_lit_and_listed(world: World) -> None:
    plain = having(world, "the", "compute")
    assert 2 < len(plain) < 20
    async with world.page() as page:
        await world.ready(page)
        await page.keyboard.press("/")
        await page.keyboard.type("THE compute")
        await titled(page, f"{len(plain)} records with “THE compute”")

        assert await listed(page) == plain
        assert await lit(page) == set(plain)
        marked = await page.locator(".found-item mark").all_inner_texts()
        assert {one.lower() for one in marked} == {"the", "compute"}
        await far_from_ground_are(page, world, set(plain))

        # Enter opens one, and back leads to the list; Escape ends it, and nothing is dimmed.
        await page.focus(".found-item")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".record-text")
        assert plain[1] in await address(page)
        await page.click('[data-action="back-to-list"]')
        await page.focus("#search")
        await page.keyboard.press("Escape")
        assert await page.locator(".found-item").count() == 0
        assert await lit(page) == set()


async def test_the_first_hits_are_not_taken_for_all_and_lead_to_their_runs(world: World) -> None:
    plain = having(world, "the", "compute")
    others = asyncio.Event()

    async def answer(route: Route) -> None:
        if "within_ms" not in route.request.url:
            await others.wait()
            await route.continue_()
            return
        told = await (await route.fetch()).json()
        first = {"ids": told["ids"][:2], "items": told["items"][:2], "total": 2, "searched": 5}
        await route.fulfill(json=told | first)

    async with world.page() as page:
        await world.ready(page)
        await page.route(re.compile(r"/search\?"), answer)
        await page.fill("#search", "the compute")
        await titled(page, "At least 2 records with “the compute”")
        note = await page.locator(".found-note.hint").inner_text()
        assert note == f"Looked at 5 of {RECORDS} records so far; the others follow."
        assert await lit(page) == set(plain[:2])
        assert await page.locator("[data-export]").count() == 0
        others.set()
        await titled(page, f"{len(plain)} records with “the compute”")
        assert await listed(page) == plain
        assert await lit(page) == set(plain)
        assert await page.locator(".found-note.hint").count() == 0
        await lead_to_their_runs(page, world, plain)


async def lead_to_their_runs(page: Page, world: World, ids: Sequence[str]) -> None:
    """Follow what was found to its runs, which say how many of them are theirs."""
    plain = Counter(one["filename"] for one in rows(world.run.output) if one["id"] in ids)
    script = """() => Object.fromEntries([...document.querySelectorAll("tr[data-run]")]
      .map((row) => [row.dataset.run, Number(row.lastElementChild.textContent)]))"""

    async def are_there() -> bool:
        return bool(await page.evaluate(script) == dict(plain))

    await page.click('[data-action="runs-through"]')
    await until("the runs of what was found", are_there)
    await page.reload()
    await until("the same runs by their address", are_there)


async def far_from_ground_are(page: Page, world: World, ids: set[str]) -> None:
    """Compare how strong points are drawn: each that was found, and each that was not."""
    await page.evaluate("document.activeElement.blur()")
    box = await page.locator("#map-canvas").bounding_box()
    assert box
    points = stored(world.run.output)
    places = places_of(points, box["width"], box["height"])
    found = np.array([key in ids for key in points])
    near = [
        sum(
            np.hypot(x - a, y - b) < 26 and is_found
            for (a, b), is_found in zip(places, found, strict=True)
        )
        for x, y in places
    ]  # of a point that was found, itself

    async def are_so() -> bool:
        colours = np.array(await colours_at(page, places), float)
        strength = np.abs(colours - GROUND).max(axis=1)
        strong = strength[found & (np.array(near) == 1)].min() > 90
        return bool(strong and strength[~found & (np.array(near) == 0)].min() < 60)

    await until("what was found is strong, and the rest is not", are_so)


async def test_nothing_found_says_what_to_try(world: World) -> None:
    async with world.page() as page:
        await world.ready(page)
        await page.fill("#search", "zzzzz")
        await titled(page, "0 records")
        assert "fewer" in await page.inner_text(".found-note")
        assert await lit(page) == set()
        assert await page.locator("[data-export]").count() == 0
        await page.fill("#search", "")
        await page.wait_for_selector(".found", state="detached")


async def test_more_like_this_are_the_nearest_of_all_vectors(world: World) -> None:
    table = read_table(world.run.output / "default" / "embeddings.parquet")
    ids = table.column("id").to_pylist()
    vectors = np.array(table.column("vector").to_pylist(), float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    own = ids.index(having(world, "compute")[0])
    cosines = vectors @ vectors[own]
    plain = [int(one) for one in np.argsort(-cosines, kind="stable") if one != own][:20]
    async with world.page() as page:
        await world.ready(page, f"/#/map/default/{ids[own]}")
        await page.click('[data-action="like"]')
        await titled(page, "The 20 most similar records")
        of_which = page.locator("[data-like] button")
        await of_which.filter(has_text=re.compile(r"\.jsonl, Step \d+ of \d+")).wait_for()

        found = await listed(page)
        told = [float(cosines[ids.index(one)]) for one in found]
        assert np.allclose(told, cosines[plain], atol=1e-5)
        assert await lit(page) == set(found)
        first = await page.locator(".found-step").first.inner_text()
        assert first == f"{round(told[0] * 100, 1):g}% alike"
        await page.locator(".opened-halo.seen").wait_for(state="attached")
        await lead_to_their_runs(page, world, found)


async def saved(page: Page, form: str) -> bytes:
    async with page.expect_download() as waiting:
        await page.click(f'[data-export="{form}"]')
    download = await waiting.value
    assert download.suggested_filename == f"default.{form}"
    path = await download.path()
    return path.read_bytes()


async def agree_with_the_parquet(page: Page, world: World, ids: set[str]) -> None:
    plain = [one for one in rows(world.run.output) if one["id"] in ids]
    for one in plain:
        del one["source_version"]
    whole = pq.read_table(io.BytesIO(await saved(page, "parquet"))).to_pylist()
    assert whole == plain
    table = list(csv.DictReader(io.StringIO((await saved(page, "csv")).decode(), newline="")))
    assert [one["id"] for one in table] == [one["id"] for one in plain]
    for cells, one in zip(table, plain, strict=True):
        assert cells["text"].removeprefix("'") == one["text"]
        assert cells["text"][0] not in "=+-@"


async def seen_at(page: Page, world: World) -> dict[str, int]:
    """Return in which column of pixels of the whole map each record is."""
    box = await page.locator("#map-canvas").bounding_box()
    assert box
    points = stored(world.run.output)
    places = places_of(points, box["width"], box["height"])
    return {key: x for key, (x, _) in zip(points, places, strict=True)}


async def free(page: Page, world: World) -> tuple[float, float]:
    """Return two columns of pixels that are on no point, with some points between them."""
    taken = set((await seen_at(page, world)).values())
    left = next(x for x in range(150, 400) if not taken & {*range(x - 1, x + 3)})
    right = next(x for x in range(left + 200, 800) if not taken & {*range(x - 1, x + 3)})
    return left + 0.5, right + 0.5


async def inside(page: Page, world: World, left: float, right: float) -> set[str]:
    """Return the records between two columns of pixels of the whole map."""
    return {key for key, x in (await seen_at(page, world)).items() if left < x < right}


@pytest.mark.parametrize("way", ["rectangle", "lasso", "keyboard"])
async def test_what_is_selected_is_listed_and_exported(world: World, way: str) -> None:
    async with world.page() as page:
        await world.ready(page)
        box = await page.locator("#map-canvas").bounding_box()
        assert box
        left, right = await free(page, world)
        if way == "keyboard":
            await page.focus("#map-canvas")
            await page.keyboard.press("v")
            expected = set(stored(world.run.output))
        else:
            expected = await inside(page, world, left, right)
            await drawn(page, box, way, (left, right))
        is_view = way == "keyboard"
        kind = "in view" if is_view else "selected"
        await titled(page, f"{len(expected)} records {kind}")

        assert await lit(page) == (set() if is_view else expected)
        await page.wait_for_selector(".found-item")  # the title comes before the list
        more = page.locator('[data-action="more"]')
        while await more.count():
            before = len(await listed(page))
            await more.click()
            await until("more are listed", lambda before=before: _has_more(page, before))
        assert set(await listed(page)) == expected
        await agree_with_the_parquet(page, world, expected)


async def _has_more(page: Page, before: int) -> bool:
    return len(await listed(page)) > before


async def drawn(page: Page, box: Any, way: str, span: tuple[float, float]) -> None:
    left, right = (box["x"] + one for one in span)
    top, bottom = box["y"] + 4, box["y"] + box["height"] - 4
    corners = [(right, bottom)]
    if way == "lasso":
        await page.click('[data-action="lasso"]')
        corners = [(right, top), (right, bottom), (left, bottom), (left, top + 8)]
    await page.mouse.move(left, top)
    if way == "rectangle":
        await page.keyboard.down("Shift")
    await page.mouse.down()
    for x, y in corners:
        await page.mouse.move(x, y, steps=4)
    await page.mouse.up()
    if way == "rectangle":
        await page.keyboard.up("Shift")


async def test_a_link_brings_somebody_else_to_the_same_selection(world: World) -> None:
    async with world.page() as page:
        await world.ready(page)
        box = await page.locator("#map-canvas").bounding_box()
        assert box
        await page.focus("#map-canvas")
        await page.keyboard.press("+")
        await page.keyboard.press("ArrowLeft")
        await drawn(page, box, "rectangle", (200.5, 620.5))
        await page.wait_for_selector(".found-item")
        before = await lit(page)
        await page.wait_for_function("() => location.href.includes('area=')")
        async with world.page(size="1920x1080") as other:
            await world.ready(other, (await address(page)).removeprefix(world.run.gateway))
            await other.wait_for_selector(".found-item")
            assert await lit(other) == before
            aims = [await aim(one) for one in (page, other)]
            assert np.allclose(*aims, rtol=1e-4)


async def aim(page: Page) -> list[float]:
    got = "document.querySelector('page-app').controller.painting.aim"
    told = await page.evaluate(f"(() => {{ const a = {got}; return [a.x, a.y, a.zoom]; }})()")
    return [float(one) for one in told]


@pytest.mark.parametrize("size", EACH_SIZE)
async def test_nobody_is_kept_out_of_lists(world: World, size: str) -> None:
    for theme, language in (("light", "en"), ("dark", "ru")):
        async with world.page(size=size, theme=theme, language=language) as page:
            await world.ready(page, "/#/map/default?by=source&q=compute")
            await page.wait_for_selector(".found-item")
            assert await barriers(page) == []
            await picture(page, f"search-{size}-{theme}")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert await fits(page.locator(".found-item").first)


async def fits(item: Locator) -> bool:
    return bool(await item.evaluate("one => one.scrollWidth <= one.clientWidth + 1"))
