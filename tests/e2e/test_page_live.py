"""A page that stays open while much comes, the map is fitted anew, and the bus is away."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page

from tests.e2e.local_run import PATIENCE_S, write_source
from tests.e2e.page_reading import agrees, shown, until
from tests.e2e.page_world import MARKS, World, running_world

SOURCES, RECORDS, REFITS = 12, 400, 3
MINUTE_S, A_SECOND = 60, 1_000
FOLLOW = """() => {
  window.fewer = [];
  let before = 0;
  setInterval(() => {
    const { size } = document.querySelector("page-app").controller.points;
    if (size < before) fewer.push([before, size]);
    before = size;
  }, 10);
}"""
pytestmark = MARKS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running_world(tmp_path_factory.mktemp("live")) as made:
        yield made


async def has_more_than(page: Page, count: int) -> bool:
    return len(await shown(page)) > count


async def test_refits_under_load_leave_every_point_where_the_parquet_has_it(world: World) -> None:
    async with (
        world.page() as page,
        httpx.AsyncClient(base_url=world.run.gateway, timeout=PATIENCE_S) as http,
    ):
        await world.ready(page)
        before = len(await shown(page))
        await page.evaluate(FOLLOW)
        for number in range(SOURCES):
            write_source(world.sources / f"load-{number}.jsonl", RECORDS, f"agent {number % 5}")
        total, seen, version = before + SOURCES * RECORDS, before, 0
        for _ in range(REFITS):
            await until("more has come", lambda least=seen: has_more_than(page, least))
            answer = await http.post("/recompute-projection", json={"force": True})
            version = answer.json()["version"]
            seen = min(total - 1, len(await shown(page)))

        await world.run.settled(total)
        await until("page and Parquet agree", lambda: agrees(page, world.run.output))
        assert len(await shown(page)) == total
        state = "document.querySelector('page-app').controller.store.state"
        assert await page.evaluate(f"{state}.model") >= version
        assert await page.evaluate(f"{state}.count") == total
        # Nothing was taken away in between, not even for a moment.
        assert await page.evaluate("window.fewer") == []


@pytest.mark.slow
async def test_a_minute_of_a_thousand_points_a_second_is_drawn_whole(world: World) -> None:
    async with world.page() as page:
        await world.ready(page)
        before = len(await shown(page))
        await page.evaluate(FOLLOW)
        for number in range(MINUTE_S):
            write_source(world.sources / f"fast-{number}.jsonl", A_SECOND, f"agent {number % 7}")
            await asyncio.sleep(1)

        await world.run.settled(before + MINUTE_S * A_SECOND)
        await until("page and Parquet agree", lambda: agrees(page, world.run.output))
        assert len(await shown(page)) == before + MINUTE_S * A_SECOND
        assert await page.evaluate("window.fewer") == []


@pytest.mark.parametrize("away_s", [0, pytest.param(60, marks=pytest.mark.slow)])
async def test_a_map_outlasts_a_bus_that_is_away_and_has_all_of_it_afterwards(
    world: World, away_s: int
) -> None:
    async with (
        world.page() as page,
        httpx.AsyncClient(base_url=world.run.gateway, timeout=PATIENCE_S) as http,
    ):
        await world.ready(page)
        before = await shown(page)
        bus = await world.run.running("nats-server")
        os.kill(bus, signal.SIGSTOP)
        try:
            write_source(world.sources / f"meanwhile-{away_s}.jsonl", 30, "absence")

            async def is_away() -> bool:
                return (await http.get("/health")).json()["bus"] == "away"

            await until("the gateway misses the bus", is_away)
            await asyncio.sleep(away_s)
            await page.click('[data-area="system"]')
            await page.locator('[data-panel="stages"] .trouble').wait_for(
                timeout=PATIENCE_S * 1000
            )
            await page.click('[data-area="map"]')
            assert await shown(page) == before
            assert await page.locator('[data-stage="failed"], [data-stage="away"]').count() == 0
        finally:
            os.kill(bus, signal.SIGCONT)

        await world.run.settled(len(before) + 30)
        await until("it has caught up", lambda: agrees(page, world.run.output))
        assert len(await shown(page)) == len(before) + 30
        assert await world.run.running("nats-server") == bus
