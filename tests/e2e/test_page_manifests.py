"""Lists of sources in a real browser: applied, looked into, changed and removed, by keyboard."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, Locator, Page, Route

from tests.e2e.page_reading import barriers
from tests.e2e.page_world import MARKS, World, on_map, picture, press, running_world
from tests.hostile_http import HostileServer, Request, answer, hostile

pytestmark = MARKS
PEOPLE = b"note\r\nwrote the first program\r\n"
LIST = "name,url,active\r\nAcme,{people},yes\r\nGlobex,{people}?2,no\r\nFtp,ftp://example.org/a.csv,\r\n"


@dataclass
class Web:
    """A server whose list comes, once it is to be slow, when somebody says so."""

    server: HostileServer
    is_slow: bool = False
    rest: asyncio.Event = field(default_factory=asyncio.Event)

    async def listing(self, request: Request, out: asyncio.StreamWriter) -> None:
        if self.is_slow:
            await self.rest.wait()
        await answer(LIST.format(people=self.server.url("/people.csv")).encode())(request, out)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPSTREAM_COURIER__ALLOWED_NETWORKS", '["127.0.0.1"]')
        async with running_world(tmp_path_factory.mktemp("manifests")) as made:
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def web() -> AsyncIterator[Web]:
    async with hostile() as server:
        made = Web(server)
        server.replies |= {"/list.csv": made.listing, "/people.csv": answer(PEOPLE)}
        yield made


def given(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


async def opened(world: World, page: Page) -> None:
    await page.goto(f"{world.run.gateway}/#/sources/default")
    await page.wait_for_selector("[data-source]")


async def says(one: Locator, told: str) -> None:
    await one.locator('[data-last="applied"]', has_text=told).wait_for()


async def applied(page: Page, url: str, name: str) -> Locator:
    """Have a list applied by the form, with keys only."""
    form = page.locator(".manifest-form")
    await form.locator('[name="url"]').fill(url)
    await form.locator('[name="name"]').fill(name)
    await press(page, form.locator('[name="every"]'), "ArrowUp")  # 4 hours: one less than 8
    await press(page, form.locator('[data-action="apply-list"]'), "Enter")
    one = page.locator("[data-manifest]", has_text=name)
    await one.locator('[data-last="applied"]').wait_for()
    return one


async def fetched(page: Page, times: int) -> None:
    """Wait until what is listed was fetched so often; while that goes on, a list finds it busy."""
    ended = page.locator('.job[data-kind="fetch"][data-state="succeeded"]', has_text="Acme.csv")
    await ended.nth(times - 1).wait_for(state="attached")


async def is_looked_into(page: Page, one: Locator) -> None:
    await press(page, one.locator("summary"), "Enter")
    row = {name: one.locator(f'[data-item="{name}"]') for name in ("Acme", "Globex", "Ftp")}
    assert await row["Acme"].get_attribute("data-outcome") == "added"
    assert await row["Globex"].locator(".chip").inner_text() == "not active"
    assert "only http and https" in await row["Ftp"].locator(".wide-cell").inner_text()
    assert await row["Globex"].locator("a").count() == 0
    assert await row["Acme"].locator("a").get_attribute("href") == "#/map/default?source=Acme.csv"
    runs = await one.locator(".regular-runs").inner_text()
    assert "added: 1" in runs
    assert await barriers(page) == []
    await picture(page, "manifests-open")


async def test_a_list_is_applied_looked_into_changed_and_removed_by_keyboard(
    world: World, web: Web
) -> None:
    async with world.page() as page:
        await opened(world, page)
        one = await applied(page, web.server.url("/list.csv"), "suppliers")
        await says(one, "added: 1, not active: 1, not a source: 1")
        await one.locator(".chip", has_text="every 4 hours").wait_for()
        await on_map(world, "Acme.csv", {"wrote the first program"})
        await is_looked_into(page, one)
        await fetched(page, 1)

        # Once more by hand; what it lists is asked for again, and told of where it is open.
        await press(page, one.locator('[data-action="run"]'), "Enter")
        await says(one, "asked for again: 1")
        await one.locator('[data-item="Acme"][data-outcome="asked"]').wait_for()
        await fetched(page, 2)

        web.is_slow = True
        await press(page, one.locator('[data-action="run"]'), "Enter")
        await one.locator('[data-last="running"]').wait_for()
        await press(page, one.locator('[data-action="run"]'), "Enter")
        await page.get_by_text("It is being applied already").wait_for()
        web.rest.set()
        await says(one, "asked for again: 1")

        await one.locator('.period [name="every"]').select_option("24")
        await press(page, one.locator('[data-action="period"]'), "Enter")
        await one.locator(".chip", has_text="every 24 hours").wait_for()
        await press(page, one.locator('[data-action="pause"]'), "Enter")
        await one.locator("[data-state]", has_text="Paused").wait_for()
        await press(page, one.locator('[data-action="pause"]'), "Enter")
        await one.locator("[data-state]", has_text="Active").wait_for()

        await press(page, one.locator('[data-action="remove"]'), "Enter")
        assert "Its sources stay on the map" in await page.inner_text("dialog[open]")
        await page.keyboard.press("Escape")
        await press(page, one.locator('[data-action="remove"]'), "Enter")
        await press(page, page.locator('[data-answer="yes"]'), "Enter")
        await one.wait_for(state="detached")
        await on_map(world, "Acme.csv", {"wrote the first program"})


async def test_a_file_is_applied_as_a_list_and_one_that_is_none_says_why(
    world: World, web: Web
) -> None:
    async with world.page() as page:
        await opened(world, page)
        form = page.locator(".manifest-form")
        files = form.locator('[type="file"]')
        await files.set_input_files(given("sheet.xlsx", b"PK\x03\x04\xff"))
        await form.locator('[data-unfit="coded"]').wait_for()
        await files.set_input_files(given("long.csv", b"a" * (513 << 10)))
        await form.locator('[data-unfit="large"]').wait_for()
        assert await barriers(page) == []
        await picture(page, "manifests-unfit")

        rows = [{"name": "By file", "url": web.server.url("/people.csv?file")}]
        await files.set_input_files(given("from-here.json", json.dumps(rows).encode()))
        await form.locator("[data-picked]", has_text="from-here.json").wait_for()
        await press(page, form.locator('[data-action="apply-list"]'), "Enter")
        one = page.locator("[data-manifest]", has_text="from-here.json")
        await says(one, "added: 1")
        assert "From a file" in await one.inner_text()
        await form.locator("[data-picked]").wait_for(state="detached")


async def test_who_may_only_read_sees_lists_and_changes_none(world: World, web: Web) -> None:
    async def reader(route: Route) -> None:
        await route.fulfill(json={"needs_token": True, "name": "reader", "role": "read"})

    async with world.page() as page:
        await opened(world, page)
        await applied(page, web.server.url("/list.csv"), "to be read")
    async with world.page() as page:
        await page.route("**/session", reader)
        await opened(world, page)
        one = page.locator("[data-manifest]", has_text="to be read")
        await press(page, one.locator("summary"), "Enter")
        await one.locator('[data-item="Acme"]').wait_for()
        panel = page.locator('[data-panel="manifests"]')
        assert await panel.locator("form, [data-action]").count() == 0


@pytest.mark.parametrize(
    ("size", "theme", "language"), [("1280x800", "dark", "en"), ("400x800", "light", "ru")]
)
async def test_nobody_is_kept_out_of_the_lists(
    world: World, web: Web, size: str, theme: str, language: str
) -> None:
    async with world.page(size=size, theme=theme, language=language) as page:
        await opened(world, page)
        one = await applied(page, web.server.url("/list.csv"), f"seen at {size}")
        await one.locator("summary").click()
        await one.locator("[data-item]").first.wait_for()
        await one.scroll_into_view_if_needed()
        assert await barriers(page) == []
        await picture(page, f"manifests-{size}-{theme}")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
