"""What every projection store promises of a collection that is removed."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.projection.adapters import sqlite_projection_store
from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.domain.pending import Doubt, Floor
from services.projection.ports import Checkpoint, ProjectionStore
from tests.contract.test_projection_journal import candidate, kept
from tests.contract.test_projection_store import checkpoint, facts, model
from tests.fakes.projection_store import FakeProjectionStore

Open = Callable[[], AbstractAsyncContextManager[ProjectionStore]]
BATCHES = 7


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_projection_store, "REMOVED_AT_ONCE", 3)


@pytest.fixture(params=["fake", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again and again."""
    if request.param == "sqlite":
        return lambda: open_store(tmp_path / "projection.sqlite")
    fake = FakeProjectionStore()

    @asynccontextmanager
    async def open_fake() -> Any:
        yield fake

    return open_fake


def everything(name: str) -> list[Checkpoint]:
    """Make checkpoints after which each table has rows."""
    some = [candidate(number) for number in range(BATCHES)]
    doubt = Doubt("doubted", "source-9", 1, 3, "e" * 32)
    first = checkpoint(
        collection=name,
        applied={one.batch_id: one.records for one in some},
        journalled=[kept(one) for one in some],
        floors={"source-7": Floor(2)},
        doubts=[doubt],
        model=model(1),
    )
    return [first, replace(first, applied={}, journalled=[], revision=2, model=model(2))]


async def filled(store: ProjectionStore, *names: str) -> None:
    for name in names:
        for one in everything(name):
            await store.save(one)


async def test_a_removed_collection_is_as_one_that_never_was(opened: Open) -> None:
    async with opened() as store:
        await filled(store, "gone", "kept")
        before = await store.load("kept")
        await store.remove("gone")
        await store.remove("gone")
        await store.remove("unknown")
        state, other = await store.load("gone"), await store.load("kept")
        known = await store.everything("gone")
        unsettled = await store.save(everything("gone")[0])

    assert (state.moments, state.model, state.revision, state.pending) == (None, None, 0, 0)
    assert (known.batches, [*known.candidates], [*known.in_doubt]) == ({}, [], [])
    assert (unsettled.pending, unsettled.in_doubt) == (BATCHES, 1)
    assert other.model is not None
    assert before.model is not None
    assert facts(other.model) == facts(before.model)
    assert (other.revision, other.pending, other.in_doubt) == (2, BATCHES, 1)


async def test_the_vectors_of_the_others_are_where_they_were(opened: Open) -> None:
    some = [candidate(number) for number in range(BATCHES)]
    async with opened() as store:
        await filled(store, "gone", "kept")
        await store.remove("gone")
        found = await store.vectors("kept", some)
        none = await store.vectors("gone", some)

    assert len(found) == BATCHES
    assert none == {}


async def test_no_table_has_a_row_and_no_file_its_vectors(tmp_path: Path) -> None:
    """By what the file says of its tables: one that is added later is emptied, too."""
    file = tmp_path / "projection.sqlite"
    async with open_store(file) as store:
        await filled(store, "gone")
        with closing(sqlite3.connect(file)) as db:
            before = rows(db, "gone")
        assert [*(tmp_path / "pending").iterdir()]
        await store.remove("gone")
        left = [*(tmp_path / "pending").iterdir()]

    with closing(sqlite3.connect(file)) as db:
        assert rows(db, "gone") == dict.fromkeys(before, 0)
    assert left == []
    assert {table for table, count in before.items() if count} >= {
        "moments", "batches", "models", "candidates", "floors", "doubts",
    }  # fmt: skip


def rows(db: sqlite3.Connection, name: str) -> dict[str, int]:
    tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    return {
        table: db.execute(
            f"SELECT count(*) FROM {table} WHERE collection = ?",  # noqa: S608
            (name,),
        ).fetchone()[0]
        for (table,) in tables
        if table != "identity"
    }
