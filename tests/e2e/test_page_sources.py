"""Sources in a real browser: handed in, shown before, embedded anew and deleted, by keyboard."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import FilePayload, Locator, Page, Route

from tests.e2e.page_reading import barriers, chosen_in, until
from tests.e2e.page_world import MARKS, World, on_map, picture, press, running_world
from tests.hostile_http import HostileServer, Request, answer, head, hostile

pytestmark = MARKS
MB = 1 << 20
PEOPLE = {"Ada": "wrote the first program", "Grace": "found, it is said, a bug"}
DROP = """(text) => {
  const data = new DataTransfer();
  data.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
  const place = document.querySelector(".drop-place");
  for (const kind of ["dragover", "drop"]) {
    place.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true }));
  }
}"""
JOB: dict[str, Any] = {
    "collection": "default", "kind": "re-embed", "source_id": "0" * 32, "revision": 3,
    "position": None, "progress": {"seen": 0, "done": 0, "dead": 0}, "warnings": 0,
    "is_stalled": False, "is_fresh": False, "retries": 0, "max_retries": 3, "can_retry": False,
    "can_cancel": True, "source_version": 2, "created_at": "2026-01-01T00:00:00Z",
    "created_by": "local", "why": None, "started_at": None, "ended_at": None, "reason": None,
}  # fmt: skip
FETCH = JOB | {"kind": "fetch", "state": "running", "phase": "acquiring"}
JOBS = [
    JOB | {"id": "a" * 20, "filename": "a.csv", "state": "running", "phase": "embedding",
           "progress": {"seen": 100, "done": 37, "dead": 3}, "warnings": 3},
    JOB | {"id": "b" * 20, "filename": "b.csv", "state": "queued", "phase": "acquiring",
           "position": 2},
    JOB | {"id": "c" * 20, "filename": "c.csv", "state": "failed", "phase": "validating",
           "retries": 2, "can_retry": True, "can_cancel": False, "reason": "it cannot be read"},
    FETCH | {"id": "d" * 20, "filename": "d.csv", "progress": JOB["progress"] | {
        "received_bytes": 3.1 * MB, "total_bytes": 20 * MB}},
    FETCH | {"id": "e" * 20, "filename": "e.csv", "progress": JOB["progress"] | {
        "received_bytes": 3.1 * MB, "total_bytes": None}},
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAPSTREAM_COURIER__ALLOWED_NETWORKS", '["127.0.0.1"]')
        async with running_world(tmp_path_factory.mktemp("sources")) as made:
            yield made


@dataclass
class Web:
    """A server whose second half of a file comes when somebody says so."""

    server: HostileServer
    rest: asyncio.Event

    async def half(self, _: Request, out: asyncio.StreamWriter) -> None:
        body = table(PEOPLE)
        out.write(head(200, len(body)) + body[:30])
        await out.drain()
        await self.rest.wait()
        out.write(body[30:])


@pytest_asyncio.fixture(loop_scope="module")
async def web() -> AsyncIterator[Web]:
    async with hostile() as server:
        made = Web(server, asyncio.Event())
        server.replies |= {"/slow.csv": made.half, "/other.csv": answer(table(PEOPLE))}
        yield made


def table(people: dict[str, str]) -> bytes:
    lines = [f'{name};"{note}"' for name, note in people.items()]
    return "\r\n".join(["name;note", *lines, ""]).encode("cp1252")


def given(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


async def opened(world: World, page: Page) -> None:
    await page.goto(f"{world.run.gateway}/#/sources/default")
    await page.wait_for_selector("[data-source]")


async def in_tray(page: Page, name: str, step: str) -> Locator:
    found = page.locator(f'[data-file="{name}"][data-step="{step}"]')
    await found.wait_for()
    return found


async def listed(page: Page, name: str, status: str, account: str) -> None:
    row = page.locator(f'[data-source="{name}"][data-status="{status}"]')

    async def says() -> bool:
        return any(account in one for one in await row.locator(".account-cell").all_inner_texts())

    await until(f"{name} is {status}: {account}", says)


async def is_fetched_from_the_form(world: World, page: Page, web: Web) -> None:
    """Fetch URLs by hand: a mistake names its line, and each has a result."""
    form, url = page.locator("form.fetch"), web.server.url
    await form.locator("textarea").fill(f"{url('/slow.csv')}\n\nftp://example.org/x.csv")
    await press(page, form.locator("textarea"), "Tab")
    await press(page, form.locator('[name="rule"]'), "c")  # Choose columns: as is preferred
    uses = form.locator("[data-column] select")
    await uses.nth(1).wait_for()
    assert await chosen_in(uses) == ["context", "text"]
    await press(page, form.locator('[data-column="name"] select'), "l")  # Leave out
    await press(page, form.locator('[data-action="fetch"]'), "Enter")
    mistake = form.locator('[data-line="3"]')
    await mistake.wait_for()
    assert "only http and https are fetched" in await mistake.inner_text()
    assert await barriers(page) == []
    await picture(page, "sources-fetch-mistake")

    urls = [url("/slow.csv"), url("/other.csv")]
    await form.locator("textarea").fill("\n".join(urls))
    await press(page, form.locator('[data-action="fetch"]'), "Enter")
    for one in urls:
        await form.locator(f'[data-url="{one}"][data-result="queued"]').wait_for()
    job = page.locator('.job[data-kind="fetch"]', has_text="slow.csv")
    size = len(table(PEOPLE))
    await job.get_by_text(f"30 bytes of {size} bytes").wait_for()
    await form.locator("textarea").fill(urls[0])
    await press(page, form.locator('[data-action="fetch"]'), "Enter")
    refused = form.locator(f'[data-url="{urls[0]}"][data-result="refused"]')
    assert "has 'slow.csv'; wait for it" in await refused.inner_text()
    assert await barriers(page) == []
    await picture(page, "sources-fetch")
    web.rest.set()
    await on_map(world, "slow.csv", set(PEOPLE.values()))
    await on_map(world, "other.csv", set(PEOPLE.values()))
    await listed(page, "slow.csv", "completed", "2 = 2 + 0 + 0")
    row = page.locator('[data-source="slow.csv"]')
    assert "Text: note." in await row.inner_text()


async def test_the_way_of_a_file_from_the_desk_to_the_map_and_off_it_by_keyboard(
    world: World, web: Web
) -> None:
    async with world.page() as page:
        await opened(world, page)
        assert "50 MB" in await page.inner_text("#tray-limits")
        files = [("people.csv", table(PEOPLE)), ("empty.csv", b""), ("paper.pdf", b"%PDF-1.4\n%")]
        await page.set_input_files(
            '.drop-place [type="file"]', [given(name, content) for name, content in files]
        )
        item = await in_tray(page, "people.csv", "ready")
        assert "2 records" in await item.inner_text()
        assert "PDF" in await (await in_tray(page, "paper.pdf", "refused")).inner_text()
        assert "empty" in await (await in_tray(page, "empty.csv", "unfit")).inner_text()
        assert await barriers(page) == []
        await picture(page, "sources-preview")

        # By its first letter, a column is made context; the other one is the text.
        await press(page, item.locator('[data-column="name"] select'), "c")
        await press(page, item.locator('[data-action="keep"]'), "Space")
        await press(page, item.locator('[data-action="import"]'), "Enter")
        done = await in_tray(page, "people.csv", "done")
        assert "Added as people.csv" in await done.inner_text()
        await on_map(world, "people.csv", set(PEOPLE.values()))
        await listed(page, "people.csv", "completed", "2 = 2 + 0 + 0")

        # What comes next begins with the columns that the collection prefers now.
        await page.evaluate(DROP, table(PEOPLE).decode("cp1252"))
        dropped = await in_tray(page, "dropped.csv", "ready")
        uses = dropped.locator("select")
        assert await chosen_in(uses) == ["context", "text"]
        await press(page, page.locator('[data-action="import-all"]'), "Enter")
        await listed(page, "dropped.csv", "completed", "2 = 2 + 0 + 0")

        row = page.locator('[data-source="people.csv"]')
        await press(page, row.locator('[type="checkbox"]'), "Space")
        await press(page, page.locator('[data-action="reembed"]'), "Enter")
        await press(page, page.locator('[data-answer="yes"]'), "Enter")
        job = page.locator('.job[data-kind="re-embed"]', has_text="people.csv")
        await job.and_(page.locator('[data-state="succeeded"]')).wait_for()
        await listed(page, "people.csv", "completed", "2 = 2 + 0 + 0")
        await press(page, job.locator('[data-action="log"]'), "Enter")
        await page.wait_for_selector(".job-log li")
        assert await barriers(page) == []
        await picture(page, "sources-done")

        await press(page, row.locator('[type="checkbox"]'), "Space")
        await press(page, page.locator('[data-action="delete-chosen"]'), "Enter")
        told = await page.inner_text("dialog[open]")
        assert "Delete people.csv?" in told
        assert "2 records leave the map" in told
        assert "removed for good" in told
        await page.keyboard.press("Escape")
        await page.wait_for_selector("dialog", state="detached")
        await press(page, page.locator('[data-action="delete-chosen"]'), "Enter")
        await press(page, page.locator('[data-answer="yes"]'), "Enter")
        await row.wait_for(state="detached")
        await on_map(world, "people.csv", set())
        await on_map(world, "dropped.csv", set(PEOPLE.values()))
        await page.select_option('[name="view"]', "deleted")
        await page.wait_for_selector('[data-source="people.csv"][data-status="forgotten"]')

        await page.select_option('[name="view"]', "all")
        await is_fetched_from_the_form(world, page, web)

        # A URL is fetched every few hours until that is paused.
        await page.fill('page-source-schedules [name="url"]', web.server.url("/later.csv"))
        await press(page, page.locator('[data-action="schedule"]'), "Enter")
        schedule = page.locator("[data-schedule]", has_text="later.csv")
        await press(page, schedule.locator('[data-action="pause"]'), "Enter")
        await schedule.locator("[data-state]", has_text="Paused").wait_for()
        assert await barriers(page) == []
        await picture(page, "sources-schedules")
        await press(page, schedule.locator('[data-action="remove"]'), "Enter")
        assert "What it has fetched stays" in await page.inner_text("dialog[open]")
        await press(page, page.locator('[data-answer="yes"]'), "Enter")
        await schedule.wait_for(state="detached")

        effects = page.locator("[data-effect]", has_text="people.csv")
        done_so = await effects.evaluate_all("rows => rows.map((one) => one.dataset.actionDone)")
        assert done_so == ["end", "submit"] * 3  # uploaded, embedded anew, deleted


async def test_jobs_tell_their_place_phase_and_retries_and_are_tried_again(world: World) -> None:
    asked = list[str]()

    async def answer(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(route.request.url)
            await route.fulfill(status=409, json={"detail": "another job has it"})
        else:
            is_active = "queued" in route.request.url
            jobs = [one for one in JOBS if (one["state"] == "failed") != is_active]
            await route.fulfill(json={"items": jobs, "next_before": None, "log": []})

    async with world.page() as page:
        await page.route("**/api/jobs**", answer)
        await opened(world, page)
        running, queued, failed, known, unknown = (
            page.locator(f'[data-job="{letter * 20}"]') for letter in "abcde"
        )
        assert await running.locator('[aria-current="step"]').inner_text() == "Embed"
        assert "40 of 100 records (40%) 3 are dead." in await running.inner_text()
        assert "Place 2 in the queue" in await queued.inner_text()
        assert "Retry 2 of 3" in await failed.inner_text()
        assert "it cannot be read" in await failed.inner_text()
        assert await known.locator("[data-bytes]").inner_text() == "3.1 MB of 20 MB"
        assert await known.locator("progress").get_attribute("max") == f"{20 * MB}"
        assert await unknown.locator("[data-bytes]").inner_text() == "3.1 MB"
        assert await unknown.locator("progress").get_attribute("max") is None
        assert await queued.locator('[data-action="retry"]').count() == 0
        await press(page, failed.locator('[data-action="retry"]'), "Enter")
        await page.wait_for_selector('.outcome[data-good="false"]')
        assert await page.inner_text(".outcome") == "another job has it"
        assert [one.rsplit("/", 2)[1:] for one in asked] == [["c" * 20, "retry"]]


async def test_sources_are_filtered_and_a_map_without_any_says_what_to_do(world: World) -> None:
    async with world.page() as page:
        await opened(world, page)
        total = await page.locator("[data-source]").count()
        assert total > 2
        await page.fill('[name="q"]', "GOLDEN")
        await until("fewer are listed", lambda: _lists(page, "golden", total))
        await page.fill('[name="q"]', "nothing like this")
        await page.get_by_text("No source fits.").wait_for()

        async def none(route: Route) -> None:
            await route.fulfill(json={"items": [], "uploaded_bytes": 0, "next_after": None})

        await page.route("**/api/collections/default/sources?*", none)
        await page.fill('[name="q"]', "")
        await page.wait_for_selector(".guide")
        assert await barriers(page) == []
        await picture(page, "sources-none")


async def _lists(page: Page, part: str, total: int) -> bool:
    names = await page.locator("[data-source]").evaluate_all(
        "rows => rows.map((one) => one.dataset.source)"
    )
    return 0 < len(names) < total and all(part in one for one in names)


async def test_who_may_only_read_sees_and_changes_nothing(world: World) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(json={"needs_token": True, "name": "reader", "role": "read"})

    async with world.page() as page:
        await page.route("**/session", answer)
        await opened(world, page)
        assert "may read only" in await page.inner_text(".system-role")
        assert (
            await page.locator(
                '[data-panel="tray"], form.fetch, #sources [type="checkbox"], .bar'
            ).count()
            == 0
        )


@pytest.mark.parametrize(
    ("size", "theme", "language"), [("1280x800", "light", "en"), ("400x800", "dark", "ru")]
)
async def test_nobody_is_kept_out_of_the_sources(
    world: World, size: str, theme: str, language: str
) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(json={"items": JOBS, "next_before": None, "log": []})

    async with world.page(size=size, theme=theme, language=language) as page:
        await page.route("**/api/jobs?*", answer)
        await opened(world, page)
        files = [given("p.csv", table(PEOPLE))]
        await page.set_input_files('.drop-place [type="file"]', files)
        await in_tray(page, "p.csv", "ready")
        await page.locator('[data-source] [type="checkbox"]').last.check()
        delete = await page.locator('[data-action="delete-chosen"]').bounding_box()
        assert delete is not None
        assert 0 <= delete["y"] < 800
        assert await barriers(page) == []
        await picture(page, f"sources-{size}-{theme}")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_large_file_goes_on_after_its_line_broke(world: World) -> None:
    """It comes in three pieces, of which the second is lost once."""
    notes = [f"number {number} is large" for number in range(36)]
    lines = [f"{note},{hashlib.shake_256(note.encode()).hexdigest(MB >> 3)}" for note in notes]
    content = "\n".join(["note,more", *lines, ""]).encode()
    sent: list[int] = []

    async def lose_one(route: Route) -> None:
        is_piece = route.request.method == "PATCH"
        if is_piece:
            sent.append(int(route.request.headers["upload-offset"]))
        is_lost = is_piece and len(sent) == 2
        await (route.abort("connectionreset") if is_lost else route.continue_())

    async with world.page() as page:
        await opened(world, page)
        await page.route("**/api/collections/default/uploads/*", lose_one)
        await page.set_input_files('.drop-place [type="file"]', given("large.csv", content))
        item = await in_tray(page, "large.csv", "ready")
        await press(page, item.locator('[data-column="more"] select'), "l")  # Leave out
        await press(page, item.locator('[data-action="import"]'), "Enter")
        await in_tray(page, "large.csv", "done")

    assert sent == [0, 4 * MB, 4 * MB, 8 * MB]
    sha256 = hashlib.sha256(content).hexdigest()
    blob = world.run.output / "state" / "blobs" / sha256[:2] / sha256
    assert blob.read_bytes() == content
    await on_map(world, "large.csv", set(notes))
