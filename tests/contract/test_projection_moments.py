"""What is counted is right after a crash at any step of any checkpoint, and in every format."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.projection.adapters.sqlite_projection_store import (
    SqliteProjectionStore,
    open_store,
)
from services.projection.domain.counted import Counted, recount
from services.projection.domain.pending import Fate
from services.projection.ports import Checkpoint
from shared.contracts.batches import Batch
from tests.unit.projection.stage import Stage, assert_counted, piece, vectors

FORMAT_4 = Path(__file__).with_name("projection_4.sql")
"""A whole state, as the last program without changes of their own left it."""
FILE = "projection.sqlite"
SMALL, LARGE = 1, 5
"""Records of a batch, of dimension 4: one that is a change for a while, one that is folded."""


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    async with open_store(folder / FILE) as store:
        yield Stage(store=store, state=await store.load("default"))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Deed:
    """One step of a story, and what is counted after it."""

    act: Callable[[Stage], Awaitable[Any]]
    counted: list[Batch]


def story() -> list[Deed]:
    """Batches that come, are stored as they came or otherwise, are lost, and leave."""
    a, b, c = piece(0, SMALL), piece(1, SMALL), piece(2, SMALL)
    other = piece(7, SMALL, number=1)
    wide, late, last = piece(3, LARGE), piece(4, SMALL), piece(5, SMALL)
    return [
        Deed(lambda s: s.project(a, b), [a, b]),
        Deed(lambda s: s.project(other), [a, b]),
        Deed(lambda s: s.settle(b, stored=other), [a, other]),
        Deed(lambda s: s.project(c), [a, other, c]),
        Deed(lambda s: s.settle(a), [a, other, c]),
        Deed(lambda s: s.settle(c, fate=Fate.REFUSED), [a, other]),
        Deed(lambda s: s.project(c), [a, other, c]),
        Deed(lambda s: s.project(wide), [a, other, c, wide]),
        Deed(lambda s: s.retract(a), [other, c, wide]),
        Deed(lambda s: s.project(late, last), [other, c, wide, late, last]),
        Deed(lambda s: s.settle(wide, fate=Fate.SUPERSEDED), [other, c, late, last]),
        Deed(lambda s: s.retract(other, last), [c, late]),
        Deed(lambda s: s.retract(c, late), []),
        Deed(lambda s: s.project(piece(9, SMALL)), [piece(9, SMALL)]),
    ]


class Crashes:
    """Copies the folder of a store before each statement, as a crash would leave it there."""

    def __init__(self, folder: Path, copies: Path) -> None:
        self._folder, self._copies, self._number = folder, copies, 0

    def watch(self, store: SqliteProjectionStore) -> None:
        db = store._db
        for name in ("execute", "executemany"):
            setattr(db, name, self._copying(getattr(db, name)))

    def _copying(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def copy_and_run(statement: str, *values: Any) -> Any:
            if not statement.lstrip().startswith("SELECT"):
                self.copy()
            return run(statement, *values)

        return copy_and_run

    def copy(self) -> None:
        self._number += 1
        shutil.copytree(self._folder, self._copies / f"{self._number:03d}")

    def taken(self) -> Iterator[Path]:
        yield from sorted(self._copies.iterdir())
        shutil.rmtree(self._copies)
        self._copies.mkdir()


@pytest.mark.parametrize("number", range(len(story())))
async def test_a_crash_at_any_step_leaves_what_was_or_what_is(number: int, tmp_path: Path) -> None:
    """And what is delivered again afterwards makes it right, in either case."""
    folder, copies = tmp_path / "state", tmp_path / "copies"
    copies.mkdir()
    before, (deed, *_) = story()[:number], story()[number:]
    crashes, seen = Crashes(folder, copies), set[int]()
    async with staged(folder) as stage:
        for one in before:
            await one.act(stage)
        was = stage.state.revision
        crashes.watch(stage.store)  # type: ignore[arg-type]
        await deed.act(stage)
        crashes.copy()

    for crashed in crashes.taken():
        async with staged(crashed) as stage:
            seen.add(stage.state.revision)
            is_done = stage.state.revision != was
            held = deed.counted if is_done else before[-1].counted if before else []
            if stage.state.moments is not None or held:
                assert_counted(stage.state, held)
            await deed.act(stage)
            assert_counted(stage.state, deed.counted)
        async with staged(crashed) as stage:
            assert_counted(stage.state, deed.counted)
    assert was in seen


async def test_a_story_ends_the_same_with_a_restart_after_every_step(tmp_path: Path) -> None:
    for deed in story():
        async with staged(tmp_path) as stage:
            await deed.act(stage)
        async with staged(tmp_path) as stage:
            assert_counted(stage.state, deed.counted)


def rows_of(folder: Path, table: str) -> int:
    with closing(sqlite3.connect(folder / FILE)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


async def test_a_checkpoint_of_one_record_writes_that_one_and_no_square(tmp_path: Path) -> None:
    d = 512
    many, one = vectors(1, 2 * d, d), vectors(2, 1, d)
    async with open_store(tmp_path / FILE) as store:
        first = recount(Counted(d), into={"many": many})
        await store.save(Checkpoint(collection="default", revision=1, recount=first))
        await store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        second = recount(first.counted, into={"one": one})

        await store.save(Checkpoint(collection="default", revision=2, recount=second))

        written = (tmp_path / f"{FILE}-wal").stat().st_size
        state = await store.load("default")
    assert written < 8 * d * d / 20
    assert state.records == 2 * d + 1
    assert (rows_of(tmp_path, "squares"), rows_of(tmp_path, "changes")) == (1, 1)


async def test_a_collection_of_few_records_is_its_vectors(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.project(piece(0, 2), piece(1, 1))

    assert (rows_of(tmp_path, "squares"), rows_of(tmp_path, "changes")) == (0, 2)


async def test_what_is_folded_is_no_change_any_more(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.project(piece(0, 2))
        await stage.project(piece(1, LARGE))

    assert (rows_of(tmp_path, "squares"), rows_of(tmp_path, "changes")) == (1, 0)


async def test_a_state_of_format_4_goes_on_with_what_it_counted(tmp_path: Path) -> None:
    """It was written by the program of 27 November 2026: two of three batches wait."""
    kept = [piece(0), piece(1), piece(2, number=1), piece(3)]
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.executescript(FORMAT_4.read_text())
    (tmp_path / "pending").mkdir()
    data = b"".join(np.ascontiguousarray(one.vectors).tobytes() for one in kept)
    (tmp_path / "pending" / "0000000001.vectors").write_bytes(data)

    async with staged(tmp_path) as stage:
        assert_counted(stage.state, [kept[0], kept[1], kept[3]])
        assert (stage.state.revision, stage.state.pending, stage.model.version) == (2, 2, 1)
        await stage.project(*kept)
        assert_counted(stage.state, [kept[0], kept[1], kept[3]])
        await stage.settle(kept[1], stored=kept[2])
        await stage.retract(kept[0])
    async with staged(tmp_path) as stage:
        assert_counted(stage.state, [kept[2], kept[3]])
