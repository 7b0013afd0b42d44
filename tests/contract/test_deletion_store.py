"""What every store of collections that are deleted does, the fake one included."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.ledger import CommandRef
from services.discovery.ports import DeletionStore
from tests.contract.test_collection_store import record
from tests.fakes.collection_store import FakeCollectionStore
from tests.unit.discovery.builders import NOW

FIRST, SECOND = CommandRef("command-1", "wish-1"), CommandRef("command-2", "wish-2")


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeletionStore]:
    if request.param == "fake":
        yield FakeCollectionStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def test_one_that_is_wanted_deleted_is_so_until_it_is(store: DeletionStore) -> None:
    await store.add_collections([record("a"), record("b")])
    for one in ("id-of-a", "id-of-b"):
        await store.mark_collection_told(one, 1)
    deleting = record("a", state="deleting", revision=2)

    assert await store.begin_deletion("a", FIRST) == deleting
    assert await store.begin_deletion("a", FIRST) == deleting
    assert await store.begin_deletion("a", SECOND) == deleting
    assert await store.begin_deletion("unknown", FIRST) is None

    assert await store.deleting_collections() == [deleting]
    assert await store.untold_collections() == [deleting]
    assert await store.deletion_commands("id-of-a") == [FIRST, SECOND]
    assert await store.deletion_commands("id-of-b") == []
    assert await store.list_collections("", 9) == [deleting, record("b")]
    assert await store.find_collection("a") == deleting
    assert await store.rename_collection("a", "A", None) is None
    assert await store.deleted_at("a") is None


async def test_of_one_that_is_deleted_name_and_id_are_left_for_ever(store: DeletionStore) -> None:
    whole = record("a", title="secret", description="secret", sources=({"path": "/secret"},))
    await store.create_collection(whole, "made-by")
    await store.begin_deletion("a", FIRST)
    await store.bury_collection("id-of-a", NOW)
    await store.bury_collection("id-of-a", NOW + timedelta(1))
    await store.bury_collection("unknown", NOW)

    (left,) = await store.untold_collections()
    assert left == record("a", state="deleted", revision=3)
    assert await store.find_collection("a") is None
    assert await store.list_collections("", 9) == []
    assert await store.deleting_collections() == []
    assert await store.deleted_at("a") == NOW
    assert await store.create_collection(record("a", "other"), "made-by") is None
    await store.add_collections([record("a", "other")])
    assert await store.find_collection("a") is None


async def test_a_command_that_comes_again_is_the_one_that_was_carried_out(
    store: DeletionStore,
) -> None:
    await store.add_collections([record("a")])
    await store.begin_deletion("a", FIRST)
    await store.bury_collection("id-of-a", NOW)

    again = await store.begin_deletion("a", FIRST)
    assert again is not None
    assert again.state == "deleted"
    assert await store.begin_deletion("a", SECOND) is None
    assert await store.deletion_commands("id-of-a") == [FIRST]


async def test_those_that_were_deleted_lately_are_known(store: DeletionStore) -> None:
    await store.add_collections([record("a"), record("b"), record("c")])
    for name in "ab":
        await store.begin_deletion(name, FIRST)
    await store.bury_collection("id-of-a", NOW)
    await store.bury_collection("id-of-b", NOW + timedelta(hours=1))

    assert await store.deleted_since(NOW) == ["a", "b"]
    assert await store.deleted_since(NOW + timedelta(minutes=1)) == ["b"]


def cells(file: Path) -> Iterator[tuple[str, str]]:
    """Give every cell of every table that holds a text."""
    with closing(sqlite3.connect(file)) as db:
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608
                yield from ((table, cell) for cell in row if isinstance(cell, str))


def fill(file: Path, name: str, sources: int) -> set[str]:
    """Put a row of a collection into every table that has a place for its name or a source."""
    filled = set()
    with closing(sqlite3.connect(file)) as db:
        tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in tables:
            columns = db.execute(f"PRAGMA table_info({table})").fetchall()
            if {column[1] for column in columns} & {"collection", "source_id"}:
                filled.add(table)
                for number in range(sources):
                    values = [of_column(one[1], one[2], name, number) for one in columns]
                    if [one[2] for one in columns if one[5]] == ["INTEGER"]:
                        values[0] = None  # a number of the file's own
                    marks = ", ".join("?" * len(values))
                    db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", values)  # noqa: S608
        db.commit()
    return filled


def of_column(column: str, kind: str, name: str, number: int) -> Any:
    known = {
        "collection": name,
        "status": "completed",
        "fate": "dead",
        "records": 1,
        "state": "queued",
        "decision": "accept",
    }
    if column in known:
        return known[column]
    return f"{name}-{number}" if kind in ("TEXT", "BLOB") else 0


async def test_no_row_of_it_is_left_in_any_table_and_every_one_of_the_others(
    tmp_path: Path,
) -> None:
    """By what the file says of its tables: one that is added later is emptied, too."""
    file = tmp_path / "discovery.sqlite"
    async with SqliteStateStore.open(tmp_path):
        pass
    filled = fill(file, "gone", 7) & fill(file, "kept", 7)
    async with SqliteStateStore.open(tmp_path) as store:
        before, steps = sorted(one for one in cells(file) if "kept" in one[1]), 1
        while await store.remove_rows("gone", 3):
            steps += 1
        gone, kept = await store.totals("gone"), await store.totals("kept")

    assert filled >= {"sources", "batches", "segments", "dead_letters", "resends", "stalls"}
    assert [one for one in cells(file) if "gone" in one[1]] == []
    assert sorted(one for one in cells(file) if "kept" in one[1]) == before
    assert steps > 7
    assert sum(gone.sources.values()) == gone.in_flight == 0
    assert sum(kept.sources.values()) == kept.in_flight == 7
