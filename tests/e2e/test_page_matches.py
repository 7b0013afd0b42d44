"""Pairs of two collections in a real browser: looked at, decided by mouse and keys, kept."""

import csv
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, Route

from tests.e2e.local_run import PATIENCE_S
from tests.e2e.page_reading import address, attributes, barriers, boxes, until
from tests.e2e.page_world import EACH_SIZE, MARKS, World, picture, running_world
from tests.e2e.test_matches import is_filled, is_replaced

pytestmark = MARKS
LONG = "The agent reads the log of the {} run and concludes that the server was asked too early. "
OURS = ["cordless drill, 18 volts", "claw hammer with a wooden handle", "pocket map of the moon",
        "box of a hundred steel screws", "garden hose of twenty metres, green",
        "six paint brushes, fine hair", LONG.format("first") * 6]  # fmt: skip
THEIRS = ["cordless drill, 18 volts, with a case", "rubber hammer with a short handle",
          "drill without a cord", "box of fifty brass screws",
          "garden hose of ten metres with a reel", "six paint brushes, fine hair",
          LONG.format("second") * 5 + "It was not. " * 12]  # fmt: skip
BOTH = {"collection": "ours", "other": "theirs"}
STATES = ("review", "linked", "unmatched", "accepted", "rejected")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("matches")) as made:
        async with gateway(made) as http:
            await is_filled(http, made.run, "ours", OURS)
            await is_filled(http, made.run, "theirs", THEIRS)
        yield made


def gateway(world: World) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=world.run.gateway, timeout=PATIENCE_S)


async def told(world: World, **more: Any) -> dict[str, Any]:
    """Ask the gateway itself."""
    async with gateway(world) as http:
        answer = await http.get("/api/matches", params=BOTH | more)
        answer.raise_for_status()
        return dict(answer.json())


async def opened(world: World, page: Page, query: str = "with=theirs") -> None:
    await page.goto(f"{world.run.gateway}/#/matches/ours?{query}")
    await page.locator("[data-pair]").first.wait_for()


def pair(page: Page, number: int) -> Locator:
    return page.locator("[data-pair]").nth(number)


async def counted(page: Page) -> dict[str, int]:
    script = "all => all.map(({ dataset }) => [dataset.show, Number(dataset.count || -1)])"
    return dict(await page.locator("[data-show]").evaluate_all(script))


async def has(world: World, page: Page, **states: int) -> None:
    """The page counts so many, the gateway counts the same, and together they are all."""

    async def is_so() -> bool:
        shown = await counted(page)
        counts = (await told(world))["counts"]
        return shown == counts | {"all": len(OURS)} and states.items() <= counts.items()

    await until(f"it counts {states}", is_so)


async def test_pairs_are_looked_at_decided_and_stay_so(world: World) -> None:
    async with world.page() as page:
        await page.goto(f"{world.run.gateway}/#/map/ours")
        await page.click('[data-area="matches"]')
        await page.locator('[data-guide="choose"]').wait_for()
        assert await barriers(page) == []
        await page.select_option('[name="other"]', "theirs")
        await pair(page, 0).wait_for()
        assert (await address(page)).endswith("#/matches/ours?with=theirs")

        first = await told(world, state="review")
        assert len(first["items"]) >= 3
        await has(world, page, review=first["total"], accepted=0, rejected=0)
        await shows(page, first["items"])
        assert await barriers(page) == []
        await is_decided(world, page, first["items"])

        await page.reload()
        await pair(page, 0).wait_for()
        await has(world, page, review=first["total"] - 2, accepted=1, rejected=1)
        await shows(page, first["items"][2:])
        await page.click('[data-show="accepted"]')
        await page.locator('[data-pair][data-state="accepted"] [data-decided]').wait_for()
        assert (await address(page)).endswith("?with=theirs&show=accepted")
        await shows(page, first["items"][:1])
        await is_saved(page, first["items"][0])

        await pair(page, 0).locator('[data-action="undo"]').click()
        await has(world, page, review=first["total"] - 1, accepted=0, rejected=1)
        await page.click('[data-show="rejected"]')
        await page.locator('[data-state="rejected"] .pair-place').focus()
        await page.keyboard.press("u")
        await has(world, page, review=first["total"], accepted=0, rejected=0)


async def shows(page: Page, items: list[dict[str, Any]]) -> None:
    """Both texts of each pair stand beside each other, the best first."""
    ids = [one["id"] for one in items]
    listed = page.locator("[data-pair]")

    async def are_listed() -> bool:
        return await attributes(listed, "data-pair") == ids

    await until("the pairs are listed", are_listed)
    assert items == sorted(items, key=lambda one: -one["score"])
    for number, one in enumerate(items):
        sides = pair(page, number).locator(".pair-text")
        assert await sides.all_inner_texts() == [one["text"], one["other_text"]]
        score = float(await pair(page, number).locator(".pair-score").inner_text())
        assert score <= one["score"] < score + 0.001
        left, right = await boxes(sides)
        assert left["x"] + left["width"] <= right["x"]


async def is_decided(world: World, page: Page, items: list[dict[str, Any]]) -> None:
    """Accept one by mouse, undo and repeat it by keys, and reject the next."""
    total = len(items)
    await pair(page, 0).locator('[data-action="accept"]').click()
    await has(world, page, review=total - 1, accepted=1)
    assert await pair(page, 0).get_attribute("data-state") == "accepted"
    await is_at(page, 1)
    assert f"{total - 1} pair" in await page.inner_text("[data-last]")

    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("u")
    await has(world, page, review=total, accepted=0)
    await is_at(page, 0)
    await page.keyboard.press("a")
    await has(world, page, review=total - 1, accepted=1)
    await is_at(page, 1)
    await page.keyboard.press("r")
    await has(world, page, review=total - 2, accepted=1, rejected=1)
    await is_at(page, 2)
    await picture(page, "matches-decided")
    await page.keyboard.press("Control+a")  # that is the browser's
    states = [await pair(page, one).get_attribute("data-state") for one in range(3)]
    assert states == ["accepted", "rejected", "review"]
    assert await barriers(page) == []


async def is_at(page: Page, number: int) -> None:
    """The focus is on a pair itself, where Enter does nothing."""
    place = pair(page, number).locator(".pair-place:focus")
    await place.wait_for()


async def is_saved(page: Page, one: dict[str, Any]) -> None:
    async with page.expect_download() as coming:
        await page.click('[data-export="csv"]')
    file = await (await coming.value).path()
    with Path(file).open(newline="") as opened_file:
        (row,) = csv.DictReader(opened_file)
    assert (row["id"], row["other_id"], row["state"]) == (one["id"], one["other_id"], "accepted")
    assert row["text"] in OURS


async def test_a_record_of_either_side_opens_on_its_map_and_one_comes_back(world: World) -> None:
    async with world.page() as page:
        await opened(world, page, "with=theirs&show=all&link=0.95&review=0.5")
        items = (await told(world, link=0.95, review=0.5))["items"]
        await shows(page, items)
        long = next(n for n, one in enumerate(items) if one["text"].endswith("…"))
        await pair(page, long).locator('[data-action="whole"]').click()
        await pair(page, long).locator(".pair-text.whole").nth(1).wait_for()
        whole = await pair(page, long).locator(".pair-text.whole").all_text_contents()
        assert whole == [OURS[-1], THEIRS[-1]]
        assert await barriers(page) == []
        await pair(page, long).locator('[data-action="whole"]').click()
        await pair(page, long).locator(".pair-text.whole").nth(0).wait_for(state="detached")

        for side, name, text in (("own", "ours", OURS[-1]), ("other", "theirs", THEIRS[-1])):
            await pair(page, long).locator(f'[data-side="{side}"] a').click()
            await page.wait_for_selector(".record-text")
            key = items[long]["id" if side == "own" else "other_id"]
            assert f"#/map/{name}/{key}" in await address(page)
            assert await page.locator(".record-text").text_content() == text
            await page.go_back()
            await pair(page, 0).wait_for()
            said = await address(page)
            assert said.endswith("?with=theirs&show=all&link=0.95&review=0.5")
            await shows(page, items)


async def test_the_table_of_runs_is_of_the_collection_that_was_chosen_last(world: World) -> None:
    """Their tables have rows and no runs; those of the example logs are listed again."""
    async with world.page() as page:
        await page.goto(f"{world.run.gateway}/#/runs/default")
        runs = page.locator('[data-panel="runs"] [data-run]')
        await runs.first.wait_for()
        listed = await runs.count()
        choice = page.locator("header .select:not(.language) select")
        await choice.select_option("ours")
        await page.locator("#panel-runs", has_text="0 runs").wait_for()
        await choice.select_option("default")
        await runs.nth(listed - 1).wait_for()
        assert await runs.count() == listed


async def test_limits_are_chosen_and_those_that_contradict_each_other_are_told(
    world: World,
) -> None:
    async with world.page() as page:
        await opened(world, page)
        await page.fill('[name="link"]', "0.5")
        await page.keyboard.press("Tab")
        await page.locator('#match-limits[role="alert"]').wait_for()
        assert await barriers(page) == []
        assert (await address(page)).endswith("?with=theirs")
        await page.fill('[name="review"]', "0.1")
        await page.keyboard.press("Tab")
        wanted = (await told(world, link=0.5, review=0.1))["counts"] | {"all": len(OURS)}

        async def is_so() -> bool:
            return await counted(page) == wanted

        await until("the counts follow", is_so)
        assert wanted["linked"] > (await told(world))["counts"]["linked"]
        assert (await address(page)).endswith("?with=theirs&link=0.5&review=0.1")


async def test_what_has_no_pairs_says_what_to_do(world: World) -> None:
    async with world.page() as page:
        await page.goto(f"{world.run.gateway}/#/matches/ours?with=ours")
        failed = page.locator('[data-guide="failed"]')
        await failed.wait_for()
        assert "is not matched with itself" in await failed.inner_text()
        assert await failed.locator('a[href="#/sources/ours"]').count() > 0
        assert await barriers(page) == []
        await picture(page, "matches-failed")

        await page.select_option('[name="other"]', "theirs")
        await pair(page, 0).wait_for()
        await page.click('[data-show="accepted"]')
        await page.locator('[data-guide="none"]').wait_for()
        assert await barriers(page) == []

    async def only_one(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(json=[one for one in await answer.json() if one["name"] == "ours"])

    async with world.page() as page:
        await page.route("**/collections", only_one)
        await page.goto(f"{world.run.gateway}/#/matches/ours")
        await page.locator('[data-guide="alone"] a[href="#/system/ours"]').wait_for()
        assert await barriers(page) == []
        await picture(page, "matches-alone")


async def test_what_cannot_be_told_just_now_is_asked_again(world: World) -> None:
    times: list[str] = []

    async def is_away(route: Route) -> None:
        times.append(route.request.url)
        if len(times) == 1:
            detail = "the files of 'ours' are being replaced: ask again"
            await route.fulfill(status=503, json={"detail": detail})
        else:
            await route.continue_()

    async with world.page() as page:
        await page.route("**/api/matches?*", is_away)
        await page.goto(f"{world.run.gateway}/#/matches/ours?with=theirs")
        await page.locator("#matches .trouble", has_text="are being replaced").wait_for()
        await pair(page, 0).wait_for()
        assert await page.locator("#matches .trouble").count() == 0
        assert len(times) == 2


async def test_who_may_only_read_decides_nothing(world: World) -> None:
    async def reader(route: Route) -> None:
        await route.fulfill(json={"needs_token": True, "name": "reader", "role": "read"})

    async with world.page() as page:
        await page.route("**/session", reader)
        await opened(world, page)
        assert "may read only" in await page.inner_text(".system-role")
        for action in ("accept", "reject", "undo"):
            assert await page.locator(f'[data-action="{action}"]').count() == 0
        await pair(page, 0).locator(".pair-place").focus()
        await page.keyboard.press("a")
        await page.keyboard.press("ArrowDown")
        await is_at(page, 1)
        await has(world, page, accepted=0, rejected=0)


@pytest.mark.parametrize("size", EACH_SIZE)
async def test_nobody_is_kept_out_of_the_pairs(world: World, size: str) -> None:
    for theme in ("light", "dark"):
        for language in ("en", "ru"):
            async with world.page(size=size, theme=theme, language=language) as page:
                await opened(world, page)
                assert await barriers(page) == []
                await picture(page, f"matches-{size}-{theme}-{language}")
                assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_pair_whose_text_is_another_one_by_now_is_not_decided(world: World) -> None:
    async with world.page() as page:
        await opened(world, page)
        mine = (await told(world, state="review"))["items"][0]
        changed = [f"{one} now" if one.startswith(mine["text"][:20]) else one for one in OURS]
        assert changed != OURS
        async with gateway(world) as http:
            await is_replaced(http, world.run, "ours", changed)
            await pair(page, 0).locator('[data-action="accept"]').click()
            await pair(page, 0).locator('[role="alert"]').wait_for()
            assert "is another one by now" in await pair(page, 0).inner_text()
            assert await barriers(page) == []
            await page.click('[data-action="look-again"]')
            texts = partial(page.locator('[data-side="own"] .pair-text').all_inner_texts)

            async def is_new() -> bool:
                return any(one.startswith(mine["text"][:20]) for one in await texts()) and (
                    await page.locator('#matches [role="alert"]').count() == 0
                )

            await until("the list is of the new text", is_new)
            await has(world, page, accepted=0)
