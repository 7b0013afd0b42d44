"""Ledgers of earlier programs are gone on with, whatever was on its way: see ``under_way``."""

import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.adapters.sqlite_state_store_schema import FILENAME, FORMAT
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.contracts.batches import decode
from tests.unit.discovery.test_moves import World
from tests.unit.discovery.under_way import Recorded, save, unpacked, work

LEDGERS = Path(__file__).parents[2] / "data" / "ledgers"
NUMBERS = (9, 10, FORMAT.number)
COMING = {"half.jsonl": "half", "replaced.jsonl": "other", "replayed.jsonl": "replayed"}
"""The sources of which texts are still to be embedded, and how those begin."""
every_format = pytest.mark.parametrize("number", NUMBERS)


async def kept(number: int, folder: Path) -> dict[str, Any]:
    """Return what was kept by the program of a format; today's does the same work now."""
    if number != FORMAT.number:
        return json.loads((LEDGERS / f"ledger-{number}.json").read_text(encoding="utf-8"))
    async with SqliteStateStore.open(folder) as store:
        world = Recorded(store, forgets=True)
        world.start()
        await work(world)
    return json.loads(save(world, folder))


@asynccontextmanager
async def opened(number: int, folder: Path) -> AsyncIterator[World]:
    """Open an old ledger beside the dataset, the bus and the files that it had."""
    old = await kept(number, folder / "made")
    (folder / "old").mkdir()
    with closing(sqlite3.connect(folder / "old" / FILENAME)) as db:
        db.executescript("\n".join(old["ledger"]))
        assert db.execute("PRAGMA user_version").fetchone() == (number,)
    async with SqliteStateStore.open(folder / "old") as store:
        world = World(store, forgets=True)
        for name, (data, time, inode) in old["files"].items():
            world.repository.contents[name] = unpacked(data), time
            world.repository.inodes[name] = inode
        for some in old["delivered"]:
            await world.desk.write(*(world._embed(decode(unpacked(one))) for one in some))
        world.embedded.clear()
        world.waiting = [message(unpacked(one)) for one in old["waiting"]]
        world.start()
        yield world


def message(body: bytes) -> Outgoing:
    return outgoing_batch(DISCOVERY_BATCH, decode(body))


async def is_whole(world: World) -> None:
    """Require that each text is on the map once, and that the accounts say so."""
    disk, rows = world.on_the_disk(), await world.rows()
    dead, incomplete = disk.pop("dead.jsonl"), disk.pop("incomplete.jsonl")

    assert rows == disk
    found = {one.filename: one for one in await world.store.list_sources()}
    assert found["incomplete.jsonl"].why_incomplete
    assert incomplete
    assert (found["dead.jsonl"].dead, found["dead.jsonl"].status) == (len(dead), "completed")
    for name, texts in disk.items():
        one = found[name]
        assert (one.status, one.seen, one.mapped) == ("completed", len(texts), len(texts))
    assert {name: found[name].status for name in ("gone.jsonl", "moved.jsonl")} == dict.fromkeys(
        ("gone.jsonl", "moved.jsonl"), "forgotten"
    )
    totals = await world.store.totals("default")
    assert (totals.seen, totals.in_flight) == (totals.mapped + totals.dead, 0)
    assert totals.mapped == sum(map(len, rows.values()))


@every_format
async def test_what_was_on_its_way_arrives_once_and_nothing_else_is_embedded(
    tmp_path: Path, number: int
) -> None:
    async with opened(number, tmp_path) as world:
        on_the_bus, dice = [*world.waiting], Random(number)  # noqa: S311
        await world.restart()
        world.waiting += on_the_bus
        dice.shuffle(world.waiting)
        while world.waiting:
            await world.deliver(world.waiting.pop())
        await world.settle()
        await world.look()
        await world.settle()

        await is_whole(world)
        begins = Counter(text.split()[0] for text in world.embedded)
        assert begins.keys() == {*COMING.values(), "grown"}
        assert {text for text in world.embedded if text.startswith("grown")} == {"grown goes on"}


@every_format
async def test_what_the_bus_has_lost_meanwhile_is_sent_again(tmp_path: Path, number: int) -> None:
    async with opened(number, tmp_path) as world:
        world.waiting.clear()
        world.births = "second"
        await world.restart()
        for _ in range(3):
            await world.recover()
            await world.settle()

        await is_whole(world)
