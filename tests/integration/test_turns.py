"""Discovery sends for several collections, one of which nobody takes up, by the real server."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from services.discovery.app import DURABLES, Discovery
from services.discovery.handlers.turns import WINDOW
from services.discovery.settings import Settings
from shared.bus.broker import build_bus
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES
from shared.bus.topology import apply_topology
from shared.contracts.batches import MAX_RECORDS, BatchDescriptor, decode
from tests.assigned import at_work
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.integration

NAMES = ("stuck", "busy")
LINE = json.dumps({"type": "iteration", "iteration": 1, "response": "r", "final_answer": "x"})


@asynccontextmanager
async def discovery(server: NatsServer, folder: Path) -> AsyncIterator[Discovery]:
    settings = Settings.load(
        nats={"url": server.url},
        collections=list(NAMES),
        state={"folder": folder / "state"},
        ingestion={
            "sources": [{"path": folder / name, "collection": name} for name in NAMES],
            "trigger": {"mode": "poll", "poll_interval_s": 0.05},
        },
    )
    bus = build_bus(settings.nats, "discovery")
    opened = Discovery(settings, bus)
    await bus.connect()
    async with at_work(bus, DURABLES, opened.open(), collections=NAMES):
        yield opened
    await bus.close()


async def on_the_bus(js: JetStreamContext, collection: str) -> int:
    info = await js.stream_info("DISCOVERY", subjects_filter=f"discovery.batch.{collection}")
    return sum((info.state.subjects or {}).values())


async def take(js: JetStreamContext, collection: str, most: int) -> list[BatchDescriptor]:
    """Take batches off the bus as embedding does when it is done with them."""
    name = EMBEDDING_READS_BATCHES.name(collection)
    consumer = await js.pull_subscribe_bind(name, stream="DISCOVERY")
    found = await consumer.fetch(most, timeout=60)
    for one in found:
        await one.ack_sync()
    await consumer.unsubscribe()
    return [decode(one.data).descriptor for one in found]


async def test_a_collection_that_nobody_takes_up_sends_little_and_the_other_all_it_has(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    await apply_topology(js, NAMES)
    for name in NAMES:
        (tmp_path / name).mkdir()
    (tmp_path / "stuck" / "a.jsonl").write_text(f"{LINE}\n" * MAX_RECORDS * 2 * WINDOW)
    for number in range(2 * WINDOW):
        (tmp_path / "stuck" / f"{number}.jsonl").write_text(f"{LINE}\n")
        (tmp_path / "busy" / f"{number}.jsonl").write_text(f"{LINE}\n")

    async with discovery(server, tmp_path):

        async def is_full() -> bool:
            return await on_the_bus(js, "stuck") == WINDOW

        await until(is_full)
        found: set[str] = set()
        while len(found) < 2 * WINDOW:
            found |= {one.filename for one in await take(js, "busy", 16)}
        (tmp_path / "busy" / "later.jsonl").write_text(f"{LINE}\n")
        (later,) = await take(js, "busy", 1)

        assert later.filename == "later.jsonl"
        assert await is_full()

        sent = set()
        while len(sent) < 4 * WINDOW:
            assert await on_the_bus(js, "stuck") <= WINDOW
            sent |= {one.batch_id for one in await take(js, "stuck", 16)}
