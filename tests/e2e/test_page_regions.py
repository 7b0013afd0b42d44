"""Regions by name and runs as paths: compared with what the gateway tells and with the Parquet."""

import json
import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.e2e.local_run import rows, write_source
from tests.e2e.page_reading import address, attributes, barriers, boxes, places_of, stored, until
from tests.e2e.page_world import MARKS, RECORDS, World, picture, running_world

pytestmark = MARKS
NAMES = """() => [...document.querySelectorAll(".region-names span[data-seen]")].map((one) => {
  const { left, top, right, bottom } = one.getBoundingClientRect();
  return [one.textContent, [left, top, right, bottom]];
})"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """With a text of its own that nothing else is like, and regions found as often as they may."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPSTREAM_LABELS__SHARE", "1")
        async with running_world(tmp_path_factory.mktemp("regions")) as made:
            write_source(made.sources / "orchard.jsonl", 40, "harvest")
            write_solved(made.sources / "meadow.jsonl")
            await made.run.settled(RECORDS + 46)
            yield made


def write_solved(path: Path) -> None:
    """Write a run of six steps whose last one says how it ended."""
    write_source(path, 6, "mowing")
    lines = [json.loads(one) for one in path.read_text().splitlines()]
    lines[-1]["outcome"] = "solved"
    beside = path.with_suffix(".part")
    beside.write_text("".join(json.dumps(one) + "\n" for one in lines))
    beside.rename(path)


def runs_of(world: World) -> dict[str, list[dict[str, Any]]]:
    """Return the steps of each source in order, as the Parquet has them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in sorted(
        rows(world.run.output), key=lambda one: (one["iteration"], one["idx_in_iteration"])
    ):
        found.setdefault(one["filename"], []).append(one)
    return found


async def shown_runs(page: Page, count: int) -> list[str]:
    """Wait until the table has so many runs, and name them."""
    table = page.locator("tr[data-run]")

    async def is_there() -> bool:
        return await table.count() == count

    await until(f"{count} runs", is_there)
    return await attributes(table, "data-run")


async def told(world: World) -> list[dict[str, Any]]:
    """Wait until the regions of the map as it is now are named; returns all of them."""
    found: dict[str, Any] = {}

    async def are_of_this_model() -> bool:
        async with httpx.AsyncClient(base_url=world.run.gateway, timeout=30) as http:
            found.update((await http.get("/regions")).json())
            (info, *_) = (await http.get("/collections")).json()
        is_named = any(one["words"] for one in found["regions"])
        is_new = found["records"] > 0.9 * info["records"]
        return is_named and is_new and found["model_version"] == info["model_version"]

    await until("regions are named", are_of_this_model)
    return list(found["regions"])


def members(world: World, regions: list[dict[str, Any]], number: int) -> set[str]:
    """Say which records have a centre of this region nearest: the rule, written again."""
    found = set()
    for key, place in stored(world.run.output).items():
        far = [
            (math.dist(place, (at["x"], at["y"])), one["region"])
            for one in regions
            for at in one["centres"]
        ]
        if min(far)[1] == number:
            found.add(key)
    return found


async def listed(page: Page, beginning: str) -> set[str]:
    """Wait until the list says how many it has; returns what is lit."""
    title = page.locator("#found-title")

    async def says() -> bool:
        return (await title.all_inner_texts() or [""])[0].startswith(beginning)

    await until(f"a list of {beginning}", says)
    lit = """() => {
      const { points, painting } = document.querySelector("page-app").controller;
      return Array.from({ length: points.size }, (_, row) => row)
        .filter((row) => painting.marks.isLit(row)).map((row) => points.ids.textOf(row));
    }"""
    return set(await page.evaluate(lit))


async def test_regions_are_named_on_the_map_and_lead_to_their_records(world: World) -> None:
    regions = await told(world)
    named = [one for one in regions if one["words"]]
    async with world.page() as page:
        await world.ready(page)
        first = page.locator(".region-entry").first
        await first.wait_for()
        entries = await page.locator(".region-entry .name").all_inner_texts()
        assert entries == [" · ".join(one["words"]) for one in named]

        seen = await names_in(page)
        assert {text for text, _ in seen} <= set(entries)
        for place, (_, box) in enumerate(seen):
            for _, other in seen[:place]:
                assert (
                    box[2] <= other[0]
                    or other[2] <= box[0]
                    or box[3] <= other[1]
                    or other[3] <= box[1]
                ), "a name lies over another"

        # From the list to the records, by the keyboard; the address leads others there.
        await first.focus()
        await page.keyboard.press("Enter")
        plain = members(world, regions, named[0]["region"])
        title = f"{len(plain)} record{'s' if len(plain) != 1 else ''} in “{entries[0]}”"
        assert await listed(page, title) == plain
        assert await first.get_attribute("aria-pressed") == "true"
        async with world.page() as other:
            await world.ready(other, (await address(page)).removeprefix(world.run.gateway))
            assert await listed(other, title) == plain
        await first.press("Enter")
        assert await page.locator("#found-title").count() == 0


async def test_names_can_be_hidden_and_keep_nobody_out(world: World) -> None:
    await told(world)
    async with world.page(theme="dark", language="ru") as page:
        await world.ready(page)
        await page.locator(".region-entry").first.wait_for()
        assert await page.locator("#regions-title").inner_text() == "Области"
        assert await barriers(page) == []
        await picture(page, "regions-dark")
        await page.locator('input[name="region-names"]').uncheck()
        assert await page.locator(".region-names span").count() == 0
        await page.reload()
        await page.locator(".region-entry").first.wait_for()
        assert await page.locator(".region-names span").count() == 0


async def test_an_open_record_has_its_room_beside_what_explains_the_map(world: World) -> None:
    await told(world)
    async with world.page() as page:
        await world.ready(page, "/#/map/default?run=orchard.jsonl")
        await page.locator(".region-entry").first.wait_for()
        await page.focus("#map-canvas")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".record-text")
        above, below = await boxes(page.locator(".record, .beside"))
        assert above["y"] + above["height"] <= below["y"] + 1
        assert above["height"] > below["height"] > 100
        await page.click('[data-action="path"]')  # nothing lies over it
        await page.locator("polyline.run-1").wait_for(state="attached")


VIEWS = {
    "/#/runs/default?run=meadow.jsonl&run=orchard.jsonl": ".compared-step",
    "/#/map/default?run=meadow.jsonl&run=orchard.jsonl": "polyline.run-1",
    "/#/map/default?q=compute": ".found-item",
    "/#/map/default?by=time&record=*,*": ".handle",
    "/#/sources/default": "page-source-table tbody tr",
    "/#/system/default": "[data-stage='discovery'] [data-good='true']",
}


@pytest.mark.parametrize(("theme", "language"), [("light", "ru"), ("dark", "en")])
async def test_no_view_keeps_anybody_out(world: World, theme: str, language: str) -> None:
    """The other pairs of themes and languages are looked at in the tests of each view."""
    async with world.page(theme=theme, language=language) as page:
        for path, sign in VIEWS.items():
            await page.goto(f"{world.run.gateway}{path}")
            await page.reload()  # the address alone would be followed
            await page.locator(sign).first.wait_for(state="attached")
            assert await barriers(page) == [], path


async def test_runs_are_compared_and_seen_as_paths(world: World) -> None:
    runs = runs_of(world)
    async with world.page() as page:
        await world.ready(page)
        await page.locator('[data-area="runs"]').click()
        assert await shown_runs(page, len(runs)) == sorted(runs)
        await page.locator('[data-sort="steps"]').press("Enter")
        await page.locator('th[aria-sort="descending"]').wait_for()
        await until("sorted by steps", lambda: _first_is(page, "orchard.jsonl"))
        lengths = [len(runs[one]) for one in await shown_runs(page, len(runs))]
        assert lengths == sorted(lengths, reverse=True)
        async with world.page() as other:  # the address says how it is sorted
            await other.goto(await address(page))
            await other.locator('th[aria-sort="descending"] [data-sort="steps"]').wait_for()
            await until("sorted there, too", lambda: _first_is(other, "orchard.jsonl"))
        solved = page.locator('tr[data-run="meadow.jsonl"]')
        assert "solved" in await solved.inner_text()

        for name in ("meadow.jsonl", "orchard.jsonl"):
            await page.locator(f'tr[data-run="{name}"] input').press("Space")
        steps = page.locator('.compared td[data-run="orchard.jsonl"] button')
        await steps.first.wait_for()
        await page.locator("[data-parting]").wait_for()  # both are there
        heads = await page.locator(".compared thead th[data-run]").all_inner_texts()
        assert ["6 steps" in heads[0], "40 steps" in heads[1]] == [True, True]
        assert await steps.count() == 40
        assert await page.locator("[data-parting]").get_attribute("data-parting") == "0"
        assert "they part here" in await page.locator("tr[data-parts] .numeric").inner_text()
        await page.locator('[data-action="compare"]').press("Enter")
        focused = "document.activeElement.getAttribute('aria-label')"
        assert await page.evaluate(focused) == "Step by step"
        assert await barriers(page) == []
        await picture(page, "runs-light")

        await page.locator('[data-action="show-paths"]').click()
        await until("paths over their steps", lambda: _paths_are(page, runs))
        assert await page.locator("text.run-0").text_content() == "solved"
        await picture(page, "paths-light")
        async with world.page() as other:  # the address says it all
            await world.ready(other, (await address(page)).removeprefix(world.run.gateway))
            await until("the same paths", lambda: _paths_are(other, runs))
            straight = dict(await names_in(other))
        async with world.page() as other:  # names know their width, also where others came first
            await other.goto(f"{world.run.gateway}/#/runs/default")
            await shown_runs(other, len(runs))
            await other.locator('[data-area="map"]').click()
            await until("names in their places", lambda: _names_are(other, straight))
        await page.locator('[data-action="hide-paths"]').press("Enter")
        await page.locator(".run-path").first.wait_for(state="detached")


async def names_in(page: Page) -> list[Any]:
    """Return the names on the map with their boxes, once they are there and stay."""
    seen: list[list[Any]] = [[]]

    async def stay() -> bool:
        seen.append(await page.evaluate(NAMES))
        return bool(seen[-1]) and seen[-1] == seen[-2]

    await until("names on the map", stay)
    return seen[-1]


async def _names_are(page: Page, names: dict[str, Any]) -> bool:
    return bool(names) and dict(await page.evaluate(NAMES)) == names


async def _first_is(page: Page, name: str) -> bool:
    return await page.locator("tr[data-run]").first.get_attribute("data-run") == name


async def _paths_are(page: Page, runs: dict[str, list[dict[str, Any]]]) -> bool:
    """Tell whether each path goes through the places of its steps, in order."""
    box = await page.locator("#map-canvas").bounding_box()
    assert box
    everything = [one for run in runs.values() for one in run]
    places = places_of(
        {one["id"]: (one["projection_x"], one["projection_y"]) for one in everything},
        box["width"],
        box["height"],
    )
    at = dict(zip([one["id"] for one in everything], places, strict=True))
    for number, name in enumerate(("meadow.jsonl", "orchard.jsonl")):
        line = page.locator(f"polyline.run-{number}")
        drawn = [
            [float(one) for one in pair.split(",")]
            for pair in (await line.get_attribute("points") or "").split()
        ]
        steps = [at[step["id"]] for step in runs[name]]
        if len(drawn) != len(steps) or any(map(_are_apart, drawn, steps)):
            return False
    return True


def _are_apart(one: Sequence[float], other: Sequence[float]) -> bool:
    return math.dist(one, other) > 2


async def test_from_a_region_to_the_runs_that_pass_through_it(world: World) -> None:
    regions = await told(world)
    chosen = next(one for one in regions if "harvest" in one["words"])
    inside = members(world, regions, chosen["region"])
    passing = {
        name: sum(one["id"] in inside for one in run) for name, run in runs_of(world).items()
    }
    passing = {name: count for name, count in passing.items() if count}
    async with world.page(theme="dark", language="ru") as page:
        await world.ready(page)
        await page.locator(f'[data-region="{chosen["region"]}"].region-entry').click()
        await page.locator('[data-action="runs-through"]').click()
        assert await shown_runs(page, len(passing)) == sorted(passing)
        for name, count in passing.items():
            cells = page.locator(f'tr[data-run="{name}"] td')
            assert await cells.last.inner_text() == str(count)
        assert await barriers(page) == []
        await page.reload()
        assert await shown_runs(page, len(passing)) == sorted(passing)
        await page.locator('[data-action="all-runs"]').click()
        await shown_runs(page, len(runs_of(world)))
