"""Sources that are to be read again, whatever their files and the ledger say."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.ledger import CommandRef, Commit, SourceRecord, needs_look
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import StoredSource
from tests.unit.discovery.builders import END, NOW, RULES, stat

A = stat("a.jsonl")
ID = A.source_id


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStateStore]:
    async with SqliteStateStore.open(tmp_path) as opened:
        yield opened


async def complete(store: SqliteStateStore) -> None:
    await store.begin_version(A, ContentHash("f"), RULES, NOW)
    await store.record_batch("b0", ID, 1, 3)
    await store.finish_reading(ID, 1, END, NOW)
    await store.apply_committed([Commit("b0", ID, 1, 3)], NOW)
    await store.mark_announced(ID, "completed")


async def row(store: SqliteStateStore) -> SourceRecord:
    return (await store.get([ID]))[ID]


def as_stored(version: int = 1, rows: int = 3) -> StoredSource:
    return StoredSource(A.filename, version, rows)


async def begun(store: SqliteStateStore) -> int:
    return (await store.begin_version(A, ContentHash("f"), RULES, NOW)).number


async def test_what_is_as_it_was_is_read_as_the_next_version(store: SqliteStateStore) -> None:
    await complete(store)
    assert not needs_look(await row(store), A)

    assert await store.read_again("default", [as_stored(rows=2)], NOW) == {}

    assert needs_look(await row(store), A)
    assert not await store.unremarkable([A], None)
    assert (await row(store)).mapped == 3
    assert await begun(store) == 2


async def test_what_the_ledger_lost_is_taken_over_as_it_is_stored(store: SqliteStateStore) -> None:
    await store.read_again("default", [as_stored(4, 7)], NOW)

    one = await row(store)
    assert (one.status, one.source_version, one.seen, one.mapped) == ("completed", 4, 7, 7)
    assert (await store.totals("default")).mapped == 7
    assert await store.unannounced() == []
    assert needs_look(one, A)
    assert await begun(store) == 5


async def test_an_older_ledger_goes_on_above_what_is_stored(store: SqliteStateStore) -> None:
    await begun(store)
    await store.record_batch("b0", ID, 1, 3)

    await store.read_again("default", [as_stored(2, 7)], NOW)

    one = await row(store)
    assert (one.status, one.seen, one.mapped, one.in_flight) == ("completed", 7, 7, 0)
    assert (await store.totals("default")).in_flight == 0
    assert await begun(store) == 3


async def test_a_newer_ledger_goes_on_above_itself(store: SqliteStateStore) -> None:
    await complete(store)
    await store.begin_version(A, ContentHash("g"), RULES, NOW)

    await store.read_again("default", [as_stored(1, 3)], NOW)

    assert await begun(store) == 3


async def test_what_is_forgotten_is_not_read(store: SqliteStateStore) -> None:
    await complete(store)
    await store.forget(ID, CommandRef("1@t", "c1"))

    assert await store.read_again("default", [as_stored(9)], NOW) == {A.filename: "forgotten"}
    assert (await row(store)).source_version == 2


async def test_a_source_without_rows_that_nobody_knows_stays_unknown(
    store: SqliteStateStore,
) -> None:
    await store.read_again("default", [as_stored(0, 0)], NOW)

    assert await store.get([ID]) == {}
