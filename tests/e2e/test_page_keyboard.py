"""The whole way of a file with a keyboard alone: places are reached by Tab, in each language."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import FileChooser, Locator, Page

from tests.e2e.local_run import rows
from tests.e2e.page_reading import until
from tests.e2e.page_world import LOCALES, MARKS, World, running_world
from tests.hostile_http import answer, hostile

pytestmark = MARKS
FAR = 400
"""So often Tab is pressed before a place counts as out of reach."""
PATIENCE_S = 20.0
IS_THERE = "(place) => place === document.activeElement"
TEXTS = {"It was said first", "then this"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPSTREAM_COURIER__ALLOWED_NETWORKS", '["127.0.0.1"]')
        async with running_world(tmp_path_factory.mktemp("keyboard")) as made:
            yield made


async def reach(page: Page, selector: str) -> Locator:
    """Press Tab until the focus is on what is looked for."""
    place = page.locator(selector)
    await place.and_(page.locator(":not(:disabled)")).wait_for(state="attached")
    for _ in range(FAR):
        if await place.evaluate(IS_THERE):
            return place
        await page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached by Tab")


async def press(page: Page, selector: str, key: str = "Enter") -> None:
    await reach(page, selector)
    await page.keyboard.press(key)


def table(texts: set[str]) -> bytes:
    return "".join(f"{one}\n" for one in ("note", *sorted(texts))).encode()


async def type_in(page: Page, selector: str, text: str) -> None:
    await reach(page, selector)
    await page.keyboard.type(text)


async def choose(page: Page, file: Path) -> str:
    """Choose a file of this machine; returns where the page tells of it when it is read."""
    opened: asyncio.Queue[FileChooser] = asyncio.Queue()
    # Heard of from here on: not only from the moment of the key, which may overtake the wish to.
    page.on("filechooser", opened.put_nowait)
    await reach(page, '.drop-place [type="file"]')
    for _ in range(3):  # a key that opens nothing while the machine is busy is pressed again
        await page.keyboard.press("Space")
        with suppress(TimeoutError):
            chooser = await asyncio.wait_for(opened.get(), PATIENCE_S)
            break
    else:
        raise AssertionError("no file can be chosen with the space bar")
    await chooser.set_files(file)
    item = f'[data-file="{file.name}"]'
    await page.locator(f'{item}[data-step="ready"]').wait_for()
    return item


async def on_map(world: World, name: str, texts: set[str]) -> None:
    async def is_so() -> bool:
        return {one["text"] for one in rows(world.run.output) if one["filename"] == name} == texts

    await until(f"the map has of {name}: {texts}", is_so)


@pytest.mark.parametrize("language", LOCALES)
async def test_a_file_comes_is_embedded_anew_and_goes_without_a_mouse(
    world: World, tmp_path: Path, language: str
) -> None:
    name = f"said in {language}.csv"
    async with world.page(language=language) as page:
        await world.ready(page)
        assert await page.get_attribute("html", "lang") == language

        await press(page, '[data-area="sources"]')
        await page.wait_for_selector("page-sources [data-source]")
        await press(page, ".skip")
        assert await page.locator("main.system-place").evaluate(IS_THERE)
        file = tmp_path / name
        file.write_bytes(table(TEXTS))
        item = await choose(page, file)
        await press(page, f'{item} [data-action="import"]')
        await page.locator(f'{item}[data-step="done"]').wait_for()
        await on_map(world, name, TEXTS)
        source = f'[data-source="{name}"]'
        await page.locator(f'{source}[data-status="completed"]').wait_for()

        await press(page, f'{source} [type="checkbox"]', "Space")
        await press(page, '[data-action="reembed"]')
        await press(page, '[data-answer="yes"]')
        job = page.locator('.job[data-kind="re-embed"][data-state="succeeded"]', has_text=name)
        await job.wait_for()
        await on_map(world, name, TEXTS)

        await press(page, f'{source} [type="checkbox"]', "Space")
        await press(page, '[data-action="delete-chosen"]')
        await page.wait_for_selector("dialog[open]")
        await page.keyboard.press("Escape")
        await page.wait_for_selector("dialog", state="detached")
        assert await page.locator('[data-action="delete-chosen"]').evaluate(IS_THERE)
        await page.keyboard.press("Enter")
        await press(page, '[data-answer="yes"]')
        await page.locator(source).wait_for(state="detached")
        await on_map(world, name, set())

        await press(page, '[data-area="map"]')
        await page.wait_for_selector("#map-canvas")


@pytest.mark.parametrize("language", LOCALES)
async def test_a_url_is_fetched_now_and_every_few_hours_without_a_mouse(
    world: World, language: str
) -> None:
    name = f"fetched-{language}.csv"
    async with hostile() as server, world.page(language=language) as page:
        server.replies[f"/{name}"] = answer(table(TEXTS))
        await world.ready(page)
        await press(page, '[data-area="sources"]')

        await type_in(page, "form.fetch textarea", server.url(f"/{name}"))
        await press(page, 'form.fetch [data-action="fetch"]')
        await on_map(world, name, TEXTS)

        await type_in(page, 'page-source-schedules [name="url"]', server.url(f"/{name}"))
        await press(page, '[data-action="schedule"]')
        schedule = page.locator("[data-schedule]", has_text=name)
        await schedule.wait_for()
        here = f'[data-schedule="{await schedule.get_attribute("data-schedule")}"]'
        await press(page, f'{here} [data-action="pause"]')
        await page.locator(f"{here} .chip.plain[data-state]").wait_for()
        await press(page, f'{here} [data-action="remove"]')
        await press(page, '[data-answer="yes"]')
        await schedule.wait_for(state="detached")
