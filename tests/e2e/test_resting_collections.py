"""Collections that rest, and wake, while everything runs: nothing is lost, whatever is killed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.aio.client import Client

from shared.failpoints import VARIABLE, Failpoint
from tests.e2e.local_run import PATIENCE_S, LiveRun, live_run, write_source
from tests.e2e.test_created_collections import RECORDS, World, over_http

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
TO_REST = (Failpoint.EMPTIED, Failpoint.GOING, Failpoint.REMOVED, Failpoint.RESTED)
TO_WAKE = (Failpoint.WOKEN, Failpoint.DECLARED)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setenv("MAPSTREAM_INGESTION__ALLOWED_ROOTS", json.dumps([str(made.data)]))
    monkeypatch.setenv("MAPSTREAM_INGESTION__REST_AFTER_S", "0.5")
    monkeypatch.setenv("MAPSTREAM_INGESTION__TRIGGER__DEBOUNCE_S", "0.1")
    monkeypatch.setenv(VARIABLE, str(made.points))
    return made


@asynccontextmanager
async def connected(run: LiveRun) -> AsyncIterator[Client]:
    client = await nats.connect(run.url)
    try:
        yield client
    finally:
        await client.close()


async def consumers_of(client: Client, name: str) -> list[str]:
    """Ask the server itself which consumers it has, in all streams."""
    found: list[str] = []
    answer = await client.request("$JS.API.STREAM.NAMES", b"{}", timeout=PATIENCE_S)
    for stream in json.loads(answer.data)["streams"]:
        told = await client.request(f"$JS.API.CONSUMER.NAMES.{stream}", b"{}", timeout=PATIENCE_S)
        found += json.loads(told.data)["consumers"] or []
    return [one for one in found if one.endswith(f"-{name}")]


async def rests(client: Client, name: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await consumers_of(client, name):
            await asyncio.sleep(0.05)


async def made(world: World, run: LiveRun, name: str) -> None:
    answer = await over_http(run, name=name, sources=[{"path": str(world.folder(name))}])
    assert answer.status_code == 201, answer.text


async def refitted(run: LiveRun, name: str) -> dict[str, Any]:
    """Refit over HTTP, and return what that is answered with: the event."""
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
        answer = await http.post("/recompute-projection", params={"collection": name})
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


async def cut(file: Path) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while file.exists():
            await asyncio.sleep(0.02)


async def test_one_that_rests_has_nothing_and_wakes_for_a_file_and_for_a_refit(
    world: World,
) -> None:
    async with live_run(world.runs, world.output) as run:
        await run.settled(RECORDS)
        await made(world, run, "nap")
        async with connected(run) as client:
            assert await consumers_of(client, "nap") == []
            for round_ in range(3):
                write_source(world.data / "nap" / f"{round_}.jsonl", RECORDS, f"nap{round_}")
                await world.mapped("nap")
                await rests(client, "nap")

            told = await refitted(run, "nap")
            assert told["version"] > 1, told
            await rests(client, "nap")
            assert len(await consumers_of(client, "default")) > 0
        await world.accounted({"default": 1, "nap": 3})


async def test_whatever_is_killed_on_the_way_to_rest_and_back_nothing_is_lost(
    world: World,
) -> None:
    async with live_run(world.runs, world.output) as run:
        await run.settled(RECORDS)
        await made(world, run, "nap")
        async with connected(run) as client:
            for number, point in enumerate((*TO_WAKE, *TO_REST)):
                armed = world.arm(point)
                write_source(world.data / "nap" / f"{point}.jsonl", RECORDS, f"nap{number}")
                await world.mapped("nap")
                await cut(armed)
                await rests(client, "nap")
            for service in ("embedding", "projection", "writing", "discovery"):
                write_source(world.data / "nap" / f"{service}.jsonl", RECORDS, service)
                await run.kill(service)
                await world.mapped("nap")
                await rests(client, "nap")
        sources = len((*TO_WAKE, *TO_REST)) + 4
        await world.accounted({"default": 1, "nap": sources})
