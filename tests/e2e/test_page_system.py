"""The running system in a real browser: what it tells, and what is asked before it is changed."""

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page, Route

from tests.e2e.local_run import EXAMPLES, PATIENCE_S, rows, write_source
from tests.e2e.page_reading import agrees, attributes, barriers, stored, until
from tests.e2e.page_world import EACH_SIZE, MARKS, RECORDS, SIZES, World, picture, running_world

pytestmark = MARKS
EXAMPLE_NAMES = {one.name for one in EXAMPLES.glob("*.jsonl")}
TORN = '{"type": "iteration", "itera'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("system")) as made:
        write_torn(made.sources / "torn.jsonl")
        await until("the torn lines are dead", lambda: _has_dead(made, 3))
        await made.run.settled(RECORDS + 3)
        yield made


def write_torn(path: Path) -> None:
    lines = [
        json.dumps({"type": "iteration", "iteration": number, "response": f"step {number}"})
        for number in range(3)
    ]
    lines[1:1] = [f"{TORN} {number}" for number in range(3)]
    path.write_text("\n".join([*lines, json.dumps({"final_answer": "done"}), ""]))


async def asked(world: World, path: str, method: str = "GET", **more: Any) -> Any:
    async with httpx.AsyncClient(base_url=world.run.gateway, timeout=PATIENCE_S) as http:
        answer = await http.request(method, path, **more)
        answer.raise_for_status()
        return answer.json()


async def _has_dead(world: World, count: int) -> bool:
    return bool((await asked(world, "/dead-letters"))["total"] == count)


async def opened(world: World, page: Page) -> None:
    await page.goto(f"{world.run.gateway}/#/system/default")
    await page.wait_for_selector('[data-panel="sources"] .account')
    await page.wait_for_selector("[data-letter]")


async def figures(page: Page) -> list[int]:
    texts = await page.locator(".account dd").all_inner_texts()
    return [int(one.replace(",", "")) for one in texts]


async def told(page: Page, beginning: str) -> None:
    outcome = page.locator(".outcome")

    async def says() -> bool:
        return (await outcome.all_inner_texts() or [""])[0].startswith(beginning)

    await until(f"the page says: {beginning}", says)


async def test_the_account_is_that_of_the_files_and_says_why_a_source_waits(world: World) -> None:
    async with world.page() as page:
        await opened(world, page)
        seen, mapped, dead, flying = await figures(page)
        assert seen == mapped + dead + flying
        assert (mapped, dead) == (len(rows(world.run.output)), 3)

        line = page.locator(".line", has_text="golden_rollout_7935a98.jsonl")
        assert "not complete JSON" in await line.inner_text()
        states = await page.locator("[data-stage] .state").all_inner_texts()
        assert [one.strip() for one in states] == ["Running"] * 4


async def test_a_dead_letter_shows_its_bytes_and_is_dropped_only_when_that_is_meant(
    world: World,
) -> None:
    async with world.page() as page:
        await opened(world, page)
        letter = page.locator("[data-letter]").first
        number = await letter.get_attribute("data-letter")
        plain = await asked(world, f"/dead-letters/{number}")
        await letter.locator('[data-action="show"]').click()
        await page.wait_for_selector(".letter-body pre")
        assert await page.inner_text(".letter-body pre") == plain["text"]
        assert plain["reason"] in await letter.inner_text()
        assert f"line {plain['line']}" in await letter.inner_text()

        # Escape leaves it, and so does the first button.
        for leaves in ("Escape", "no"):
            await letter.locator('[data-action="drop"]').click()
            await page.wait_for_selector("dialog[open]")
            assert await barriers(page) == []
            if leaves == "no":
                await page.click('[data-answer="no"]')
            else:
                await page.keyboard.press(leaves)
            await page.wait_for_selector("dialog", state="detached")
        assert await _has_dead(world, 3)

        await letter.locator('[data-action="drop"]').click()
        await page.click('[data-answer="yes"]')
        await told(page, "1 dead letter was dropped")
        left = [one["sequence"] for one in (await asked(world, "/dead-letters"))["items"]]
        assert len(left) == 2
        assert int(number or 0) not in left
        await until("the list follows", lambda: _lists(page, left))


async def _lists(page: Page, numbers: list[int]) -> bool:
    return (
        list(map(int, await attributes(page.locator("[data-letter]"), "data-letter"))) == numbers
    )


async def test_a_dead_letter_is_tried_again_and_dies_again(world: World) -> None:
    async with world.page() as page:
        await opened(world, page)
        before = {one["sequence"] for one in (await asked(world, "/dead-letters"))["items"]}
        letter = page.locator("[data-letter]").first
        number = int(await letter.get_attribute("data-letter") or 0)
        await letter.locator('[data-action="replay"]').click()
        await page.click('[data-answer="yes"]')
        await page.wait_for_selector(".outcome")
        assert number in before

        async def is_over() -> bool:
            left = {one["sequence"] for one in (await asked(world, "/dead-letters"))["items"]}
            return len(left) == len(before) and number not in left

        # What cannot be sent again stays, and the page says why.
        if await page.locator('.outcome[data-good="true"]').count():
            await until("it is dead again, under another number", is_over)
        else:
            assert " stays: " in await page.inner_text(".outcome")
            left = (await asked(world, "/dead-letters"))["items"]
            assert {one["sequence"] for one in left} == before


async def test_a_refit_is_seen_before_it_is_made_and_taken_back(world: World) -> None:
    async with world.page() as page:
        await opened(world, page)
        plain = await asked(world, "/recompute-projection", "POST", json={"dry_run": True})
        before, points = plain["version"], stored(world.run.output)
        await page.click('[data-action="preview"]')
        await page.wait_for_selector("[data-preview] dd")
        told_now = await page.locator("[data-preview] dd").all_inner_texts()
        movement = plain["movement"]
        shares = [movement[one] for one in ("rms_share", "explained_before", "explained_after")]
        assert told_now == [f"{round(one * 100, 1):g}%" for one in shares]
        assert (await asked(world, "/projections"))["items"][0]["version"] == before

        await page.click('[data-action="refit"]')
        await page.click('[data-answer="yes"]')
        await told(page, "The projection was refitted")
        row = page.locator(f'[data-model="{before + 1}"][aria-current="true"]')
        await row.wait_for(timeout=60_000)
        assert await row.locator("[data-moved]").inner_text() == told_now[0]
        explained = " → ".join(told_now[1:])
        assert await row.locator("[data-explained]").inner_text() == explained
        await page.click('[data-action="preview"]')
        await page.get_by_text("A refit would change nothing").wait_for()
        await page.get_by_role("button", name="Leave it").click()

        await page.click(f'[data-model="{before}"] [data-action="rollback"]')
        await page.click('[data-answer="yes"]')
        await told(page, f"Model {before} is current again")
        await page.wait_for_selector(f'[data-model="{before + 2}"][aria-current="true"]')
        again = stored(world.run.output)
        assert again.keys() == points.keys()
        assert np.allclose([again[key] for key in points], list(points.values()), atol=1e-5)

        # The map behind has followed, and is as it was left.
        await page.click('[data-area="map"]')
        await until("page and Parquet agree", lambda: agrees(page, world.run.output))


async def test_a_collection_is_made_listed_and_opened(world: World) -> None:
    async with world.page() as page:
        await opened(world, page)
        await page.click('[data-action="make"]')
        await page.fill('[name="name"]', "second")
        await page.fill('[name="title"]', "Another map")
        await page.click('.make [type="submit"]')
        await told(page, "Collection second was made")
        line = page.locator('[data-collection="second"]')
        await line.wait_for()
        assert "Another map" in await line.inner_text()
        offered = page.locator("header select option[value=second]")
        await offered.wait_for(state="attached")
        await line.locator("a").click()
        await page.locator('[data-stage="empty"]').wait_for()
        await maps_the_examples(world, page, "second")
        kept = await asked(world, "/api/collections")
        assert [one["name"] for one in kept["items"]] == ["default", "second"]

        await page.click('[data-area="system"]')
        await line.locator('[data-action="rename"]').click()
        assert await barriers(page) == []
        await page.fill('[data-form="rename"] [name="title"]', "A better name")
        await page.click('[data-form="rename"] [type="submit"]')
        await told(page, "Collection second is called “A better name” now")
        await page.wait_for_selector('[data-form="rename"]', state="detached")
        assert "A better name" in await line.inner_text()
        kept = await asked(world, "/api/collections/second")
        assert kept["title"] == "A better name"

        switch = line.locator('[data-action="analysis"]')
        assert await switch.is_checked()
        await switch.focus()
        await page.keyboard.press("Space")
        await told(page, "What is fetched or uploaded for “A better name” is read here")
        assert not await switch.is_checked()
        kept = await asked(world, "/api/collections/second")
        assert (kept["title"], kept["is_analyzed"]) == ("A better name", False)
        assert await barriers(page) == []

        # It is deleted for good, while one looks at it; then one looks at another.
        assert (
            await page.locator('[data-collection="default"] [data-action="delete"]').count() == 0
        )
        await page.click('[data-collection="second"] [data-action="delete"]')
        await page.click('[data-answer="yes"]')
        await told(page, "Collection second was deleted")
        await line.wait_for(state="detached")
        await offered.wait_for(state="detached")
        kept = await asked(world, "/api/collections")
        assert [one["name"] for one in kept["items"]] == ["default"]
        await page.wait_for_function("() => location.hash === '#/system/default'")


async def maps_the_examples(world: World, page: Page, collection: str) -> None:
    """Have the example logs mapped by a click, where there is no map yet."""
    offer = page.locator('[data-action="examples"]:enabled')
    await offer.wait_for()
    assert f"--collection {collection}" in await page.inner_text(".card .command")
    for size in ("400x800", "1280x800"):
        width, height = SIZES[size]
        await page.set_viewport_size({"width": width, "height": height})
        assert await barriers(page) == []
        await picture(page, f"examples-{size}")
    await offer.click()

    async def has_all() -> bool:
        rows = (await asked(world, f"/api/collections/{collection}/sources"))["items"]
        is_read = {one["filename"] for one in rows} == EXAMPLE_NAMES
        mapped = sum(one["mapped"] for one in rows)
        is_mapped = is_read and mapped > 0 and all(one["status"] == "completed" for one in rows)
        return is_mapped and await agrees(page, world.run.output, collection)

    await until("all of them are on the map", has_all)


async def test_who_may_only_read_is_told_so_and_changes_nothing(world: World) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(json={"needs_token": True, "name": "reader", "role": "read"})

    async with world.page() as page:
        await page.route("**/session", answer)
        await opened(world, page)
        assert "may read only" in await page.inner_text(".system-role")
        for action in (
            "drop",
            "drop-all",
            "replay",
            "replay-all",
            "preview",
            "rollback",
            "make",
            "rename",
        ):
            assert await page.locator(f'[data-action="{action}"]').count() == 0


async def test_a_refusal_is_told_in_the_words_of_the_gateway(world: World) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=422, json={"detail": "it is held for a reason"})

    async with world.page() as page:
        await page.route("**/recompute-projection*", refuse)
        await opened(world, page)
        await page.click('[data-action="preview"]')
        await told(page, "it is held for a reason")
        assert await page.locator('.outcome[data-good="false"]').count() == 1


@pytest.mark.parametrize("size", EACH_SIZE)
async def test_nobody_is_kept_out_of_the_system(world: World, size: str) -> None:
    for theme, language in (("light", "en"), ("dark", "ru")):
        async with world.page(size=size, theme=theme, language=language) as page:
            await opened(world, page)
            await page.click('[data-action="preview"]')
            await page.wait_for_selector("[data-preview] dd")
            assert await barriers(page) == []
            await picture(page, f"system-{size}-{theme}")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_what_is_live_is_counted_while_one_looks(world: World) -> None:
    async with world.page() as page:
        await opened(world, page)
        before = (await figures(page))[1]
        embedding = await world.run.running("embedding")
        os.kill(embedding, signal.SIGSTOP)
        try:
            write_source(world.sources / "comes.jsonl", 15, "arrival")
            await page.locator('[data-stage="embedding"] [data-waiting="1"]').wait_for(
                timeout=PATIENCE_S * 1000
            )
            why = page.locator('[data-stage="embedding"] .wide-cell')
            await why.filter(has_text="No process of it answers").wait_for(
                timeout=PATIENCE_S * 1000
            )
            await picture(page, "system-waiting")
        finally:
            os.kill(embedding, signal.SIGCONT)

        async def follows() -> bool:
            seen, mapped, dead, flying = await figures(page)
            return mapped == before + 15 and seen == mapped + dead + flying

        await until("the account follows", follows)
        await page.locator('[data-stage="embedding"] [data-waiting="0"]').wait_for(
            timeout=PATIENCE_S * 1000
        )
