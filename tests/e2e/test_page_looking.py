"""Colours by any column, spans of time, and links that restore a view; in a real browser."""

import math
from collections import Counter
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.e2e.local_run import rows, write_source
from tests.e2e.page_reading import address, agrees, barriers, map_picture, shown, until
from tests.e2e.page_world import EACH_SIZE, MARKS, World, picture, running_world

pytestmark = MARKS
SHOWN = """() => {
  const { points, painting, store } = document.querySelector("page-app").controller;
  const { entries, hidden } = store.state;
  const codes = new Set(entries.filter((one) => hidden.has(one.key)).map((one) => one.code));
  return Array.from({ length: points.size }, (_, row) => row)
    .filter((row) => !painting.marks.isHidden(row) && !codes.has(painting.coding.codes[row]))
    .map((row) => points.ids.textOf(row));
}"""
NAMES = """() => {
  const { points, painting, store } = document.querySelector("page-app").controller;
  const byCode = new Map(store.state.entries.map((one) => [one.code, one.meaning]));
  return Object.fromEntries(Array.from({ length: points.size }, (_, row) =>
    [points.ids.textOf(row), byCode.get(painting.coding.codes[row])]));
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("looking")) as made:
        yield made


async def visible(page: Page) -> set[str]:
    return set(await page.evaluate(SHOWN))


async def legend(page: Page) -> dict[str, int]:
    script = "all => all.map((one) => [...one.querySelectorAll('span')].map((it) => it.innerText))"
    return {
        name: int(number) for name, number in await page.locator(".entry").evaluate_all(script)
    }


async def coloured_by(page: Page, column: str) -> None:
    await page.wait_for_selector('[data-action="attribute"]')
    await page.select_option('[data-action="attribute"]', column)
    await page.wait_for_selector('.entry:not([data-entry="?"])')


async def test_every_point_has_the_colour_of_its_value(world: World) -> None:
    async with world.page() as page:
        await world.ready(page)
        await coloured_by(page, "final_answer")

        plain = {one["id"]: one["final_answer"] for one in rows(world.run.output)}
        named = await page.evaluate(NAMES)
        told = {key: meaning.get("word") for key, meaning in named.items()}
        assert told == plain
        counts = Counter(plain.values())
        assert len(counts) > 5
        assert sorted((await legend(page)).values()) == sorted(counts.values())
        assert (await legend(page))["Not known"] == counts[None]

        # An entry of the legend filters, whatever the colours mean.
        await page.locator(".entry", has_text="Not known").click()
        assert await visible(page) == {key for key, value in plain.items() if value is not None}


async def test_numbers_are_cut_into_ranges_that_hold_them(world: World) -> None:
    async with world.page() as page:
        await world.ready(page)
        await coloured_by(page, "cost")

        named = await page.evaluate(NAMES)
        for one in rows(world.run.output):
            meaning = named[one["id"]]
            if one["cost"] is None:
                assert meaning["kind"] == "unknown"
            else:
                assert meaning["from"] <= one["cost"] * (1 + 1e-9)
                assert one["cost"] <= meaning["to"] * (1 + 1e-9)
        assert await page.locator(".entry").count() > 2


async def test_a_source_hides_and_shows_alone(world: World) -> None:
    async with world.page() as page:
        await world.ready(page, "/#/map/default?by=source")
        await page.wait_for_selector(
            '[data-action="attribute"]'
        )  # stands above: nothing moves now
        await page.locator(".entry").first.dblclick()
        counts = Counter(one["filename"] for one in rows(world.run.output))
        name, number = counts.most_common(1)[0]

        plain = {one["id"] for one in rows(world.run.output) if one["filename"] == name}
        assert len(plain) == number
        await until("only this one is shown", lambda: _shows(page, plain))


async def _shows(page: Page, ids: set[str]) -> bool:
    return await visible(page) == ids


async def limits(page: Page) -> dict[str, Any]:
    got = "document.querySelector('page-app').controller.store.state.span"
    return dict(await page.evaluate(got))


@pytest.mark.parametrize(("clock", "column"), [("record", "timestamp"), ("arrival", "arrived_at")])
async def test_a_span_of_time_shows_what_lies_in_it(world: World, clock: str, column: str) -> None:
    if clock == "arrival":  # what was there at the start may have come in one millisecond
        before = len(rows(world.run.output))
        write_source(world.sources / "later.jsonl", 3, "arrival")
        await world.run.settled(before + 3)
    async with world.page() as page:
        await world.ready(page)
        await page.click('[data-action="time"]')
        await page.locator(f'[name="clock"][value="{clock}"]').check(force=True)
        low, high = page.locator('[data-end="from"]'), page.locator('[data-end="to"]')
        await low.wait_for()
        for _ in range(3):
            await low.press("PageUp")
            if clock == "record":  # arrivals lie at both ends, and nothing between
                await high.press("PageDown")
        await page.wait_for_function(
            "(clock) => {"
            " const s = document.querySelector('page-app').controller.store.state.span;"
            " return s && s.from !== null && (s.to !== null || clock === 'arrival'); }",
            arg=clock,
        )
        await page.evaluate("new Promise(requestAnimationFrame)")  # the last step counts, too
        span = await limits(page)
        assert span["of"] == clock

        times = {one["id"]: one[column] for one in rows(world.run.output)}
        plain = {
            key
            for key, at in times.items()
            if at is not None and span["from"] <= at.timestamp() * 1000 <= (span["to"] or math.inf)
        }
        assert 0 < len(plain) < len(times)
        await until("what lies in it is shown", lambda: _shows(page, plain))
        assert f"{len(plain)} point" in await page.inner_text(".timeline-head .hint")
        await page.click('[data-action="close-time"]')
        await until("all is shown again", lambda: _shows(page, set(times)))


async def test_a_link_restores_colours_filter_time_and_camera(world: World) -> None:
    async with world.page() as page:
        await world.ready(page)
        await coloured_by(page, "final_answer")
        await page.locator(".entry").first.click()
        await page.click('[data-action="time"]')
        await page.locator('[data-end="from"]').press("PageUp")
        await page.focus("#map-canvas")
        for key in ("+", "+", "ArrowUp"):
            await page.keyboard.press(key)
        for part in ("by=", "hide=", "record=", "at="):
            await page.wait_for_function("part => location.hash.includes(part)", arg=part)
        link = (await address(page)).removeprefix(world.run.gateway)
        before, entries = await visible(page), await legend(page)
        assert 0 < len(before) < len(await shown(page))
        view = "document.querySelector('page-app').controller.painting.aim"
        aim = await page.evaluate(view)

        async with world.page(size="400x800") as other:
            await world.ready(other, link)
            await until("the same is shown", lambda: _shows(other, before))
            assert await legend(other) == entries
            there = await other.evaluate(view)
            assert {key: pytest.approx(value, rel=1e-4) for key, value in aim.items()} == there


async def test_colours_and_times_follow_what_comes(world: World) -> None:
    """What a column says of a new record is asked for by itself, a little later."""
    async with world.page() as page:
        await world.ready(page)
        await coloured_by(page, "arrived_at")
        before = len(await shown(page))
        write_source(world.sources / "comes.jsonl", 12, "arrival")
        await world.run.settled(before + 12)
        await until("the new points are there", lambda: agrees(page, world.run.output))
        await until("their arrival is known", lambda: _all_known(page))


async def _all_known(page: Page) -> bool:
    named = await page.evaluate(NAMES)
    return all(one["kind"] == "range" for one in named.values())


@pytest.mark.parametrize("size", EACH_SIZE)
async def test_nobody_is_kept_out_of_times_and_colours(world: World, size: str) -> None:
    for theme, language in (("light", "en"), ("dark", "ru")):
        async with world.page(size=size, theme=theme, language=language) as page:
            await world.ready(page, "/#/map/default?by=@cost&record=1771050649498,*")
            await page.wait_for_selector(".handle")
            await page.wait_for_function("() => document.querySelectorAll('.entry').length > 1")
            assert await barriers(page) == []
            await picture(page, f"time-{size}-{theme}")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def drawn(page: Page, others: Collection[bytes]) -> bytes:
    """Return the picture of the map once it is another one than these, and stays so."""
    seen = [b""]

    async def stays() -> bool:
        seen.append(await map_picture(page))
        return seen[-1] == seen[-2] and seen[-1] not in others

    await until("it is drawn in another way", stays)
    return seen[-1]


async def test_points_are_drawn_larger_and_fainter(world: World) -> None:
    async with world.page() as page:
        await world.ready(page)
        plain = await drawn(page, ())
        await page.locator('.size input[type="range"]').press("End")
        large = await drawn(page, (plain,))
        await page.locator('[name="density"]').select_option("dense")
        await drawn(page, (plain, large))
        await page.wait_for_function("() => location.hash.endsWith('size=2.5&density=dense')")

        async with world.page() as other:  # the address says it all
            await world.ready(other, (await address(page)).removeprefix(world.run.gateway))
            assert await other.locator('[name="density"]').input_value() == "dense"
            assert await other.locator('.size input[type="range"]').input_value() == "2.5"
