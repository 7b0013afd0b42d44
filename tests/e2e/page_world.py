"""The whole running system with the example logs, and pages in a real browser that look at it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request

from tests.browser import browser, needs_browser
from tests.e2e.local_run import EXAMPLES, LiveRun, live_run, rows
from tests.e2e.page_reading import AXE, agrees, until

PICTURES = os.environ.get("MAPSTREAM_PICTURES")
SIZES = {
    "1280x800": (1280, 800),
    "1920x1080": (1920, 1080),
    "400x800": (400, 800),
    "2560x1440": (2560, 1440),
}
EACH_SIZE = [
    pytest.param(size, marks=pytest.mark.slow if size in ("1920x1080", "2560x1440") else ())
    for size in SIZES
]
LOCALES = {"en": "en-US", "ru": "ru-RU"}
RECORDS = 68
FOCUS = """(place) => {
  if (place.matches(":enabled, a, summary, [tabindex]")) place.focus();
  return place === document.activeElement;
}"""
MARKS = [
    pytest.mark.e2e,
    needs_browser,
    pytest.mark.skipif(not AXE.exists(), reason="NO PAGE: make setup-dev builds it"),
    pytest.mark.asyncio(loop_scope="module"),
]


@dataclass(frozen=True)
class World:
    run: LiveRun
    sources: Path
    browser: Browser

    @asynccontextmanager
    async def page(
        self, *, size: str = "1280x800", theme: str = "light", language: str = "en"
    ) -> AsyncIterator[Page]:
        """Open a page; whatever it complains of, or asks of others, fails."""
        width, height = SIZES[size]
        chosen: Any = theme
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=chosen,
            locale=LOCALES[language],
            timezone_id="UTC",
        )
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def note_request(one: Request) -> None:
            if not one.url.startswith(self.run.gateway):
                complaints.append(one.url)

        def note_told(one: ConsoleMessage) -> None:
            if "Content Security Policy" in str(one.text):
                complaints.append(str(one.text))

        page.on("request", note_request)
        page.on("console", note_told)
        try:
            yield page
        finally:
            await context.close()
        assert complaints == []

    async def ready(self, page: Page, path: str = "/") -> None:
        await page.goto(f"{self.run.gateway}{path}")
        await until("the page shows what is stored", lambda: agrees(page, self.run.output))


@asynccontextmanager
async def running_world(folder: Path) -> AsyncIterator[World]:
    sources = folder / "sources"
    shutil.copytree(EXAMPLES, sources)
    async with live_run(sources, folder / "out") as run, browser() as started:
        await run.http()
        await run.settled(RECORDS)
        yield World(run, sources, started)


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.wait_for_timeout(600)  # what fades in is there
        await page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


async def press(page: Page, where: Locator, key: str) -> None:
    """Press a key on something, once it can be used: buttons rest during commands."""

    async def has_focus() -> bool:
        return bool(await where.evaluate(FOCUS))

    await until("it can be used", has_focus)
    await page.keyboard.press(key)


async def on_map(world: World, name: str, texts: set[str]) -> None:
    async def is_so() -> bool:
        found = await asyncio.to_thread(rows, world.run.output)
        return {one["text"] for one in found if one["filename"] == name} == texts

    await until(f"the map has of {name}: {texts}", is_so)
