"""Takes the pictures of the page that the documentation shows: ``make pictures``.

The whole system runs with the example logs and some more runs, so that the map has shape.
"""

import asyncio
import base64
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import FilePayload, Page

from tests.e2e.page_reading import until
from tests.e2e.page_world import RECORDS, World, running_world

QUALITY = 70
MOST_BYTES = 100_000
TOPICS = {
    "billing": "the invoice of March lacks the tax number, and the customer asks for another one",
    "search": "the index is rebuilt since the query is slow, and the plan uses the new column now",
    "access": "the token has no right to read the archive, so an administrator is asked for one",
    "tests": "the second run of the tests passes, the first one waited too long for the server",
    "geometry": "the matrix has no full rank, and its pseudo inverse gives the plane we want",
    "shipping": "the parcel stands in the harbour, since a paper for the customs is missing there",
}
RUNS, STEPS = 8, 40
CHOSEN = "run=billing/run-1.jsonl&run=search/run-2.jsonl"
WAYS = (
    "looks again whether",
    "finds out that",
    "reads in the log that",
    "concludes that",
    "doubts that",
)


def write_runs(folder: Path) -> int:
    """Write runs about some topics; returns how many records they have."""
    for number, (topic, said) in enumerate(TOPICS.items()):
        words = said.split()
        for run in range(RUNS):
            lines = [
                {
                    "type": "iteration",
                    "iteration": step + 1,
                    "timestamp": f"2026-03-{1 + run:02d}T{8 + step // 10:02d}:{step % 60:02d}:00",
                    "response": f"The agent {WAYS[(step + run) % len(WAYS)]} "
                    + " ".join(words[(step * 3 + number) % 5 :] + words[: (step + run) % 6])
                    + f", attempt {step}.",
                }
                for step in range(STEPS)
            ]
            lines[-1]["final_answer"] = "solved" if run % 3 else "given up"
            path = folder / f"{topic}/run-{run}.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return len(TOPICS) * RUNS * STEPS


@dataclass(frozen=True)
class Picture:
    name: str
    path: str
    size: str = "1280x800"
    theme: str = "light"
    act: Callable[[Page], Awaitable[None]] | None = None


async def open_record(page: Page) -> None:
    await page.focus("#map-canvas")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".record-text")


async def see_refit(page: Page) -> None:
    await page.click('[data-action="preview"]')
    await page.wait_for_selector("[data-preview] dd")
    await page.evaluate("document.querySelector('#system').scrollTo(0, 0)")


async def see_sources(page: Page) -> None:
    """Hand a table in, and have a source embedded anew."""
    await page.wait_for_selector("[data-source]")
    people = "name;note\nAda;wrote the first program\nGrace;found, it is said, a bug\n"
    given: FilePayload = {
        "name": "people.csv", "mimeType": "text/csv", "buffer": people.encode(),
    }  # fmt: skip
    await page.set_input_files('.drop-place [type="file"]', [given])
    await page.locator('[data-file="people.csv"][data-step="ready"]').wait_for()
    await page.locator('[data-source="billing/run-1.jsonl"] input').check()
    await page.click('[data-action="reembed"]')
    await page.click('[data-answer="yes"]')
    await page.locator("[data-job]").first.wait_for(state="attached")
    await page.evaluate("document.querySelector('.system-place').scrollTo(0, 0)")


async def compare(page: Page) -> None:
    await page.wait_for_selector(".compared-step")
    await page.click('[data-action="compare"]')


PICTURES = (
    Picture("page-map", "/#/map/default?by=step", act=open_record),
    Picture("page-dark", "/#/map/default?by=@final_answer", theme="dark"),
    Picture("page-search", "/#/map/default?by=time&q=invoice"),
    Picture("page-runs", f"/#/runs/default?{CHOSEN}", act=compare),
    Picture("page-paths", f"/#/map/default?by=step&{CHOSEN}", theme="dark"),
    Picture("page-sources", "/#/sources/default", act=see_sources),
    Picture("page-system", "/#/system/default", act=see_refit),
    Picture("page-phone", "/#/map/default?by=time", size="400x800"),
)


async def take(world: World, picture: Picture, folder: Path) -> int:
    """Take a picture; returns its bytes."""
    async with world.page(size=picture.size, theme=picture.theme) as page:
        await page.goto(f"{world.run.gateway}{picture.path}")
        if "/map/" in picture.path:
            await until("there is a map", lambda: has_points(page))
            await page.locator(".region-entry").first.wait_for(state="attached")
        elif "/system/" in picture.path:
            await page.wait_for_selector("[data-stage='discovery'] [data-good='true']")
        if picture.act:
            await picture.act(page)
        await page.wait_for_timeout(2500)
        session = await page.context.new_cdp_session(page)
        wish = {"format": "webp", "quality": QUALITY}
        told = await session.send("Page.captureScreenshot", wish)
        data = base64.b64decode(told["data"])
        (folder / f"{picture.name}.webp").write_bytes(data)
        return len(data)


async def has_points(page: Page) -> bool:
    script = "() => document.querySelector('page-app')?.controller.points?.size > 0"
    return bool(await page.evaluate(script))


async def main(folder: Path) -> None:
    os.environ["MAPSTREAM_LABELS__SHARE"] = "1"  # regions are named as soon as they may
    with tempfile.TemporaryDirectory(prefix="mapstream-pictures-") as place:
        async with running_world(Path(place)) as world:
            await world.run.settled(RECORDS + write_runs(world.sources))
            for picture in PICTURES:
                size = await take(world, picture, folder)
                sys.stdout.write(f"{picture.name}: {size / 1000:.0f} kB\n")
                assert size <= MOST_BYTES


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
