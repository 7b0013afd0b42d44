"""What every projection store promises of what waits until it is told to be stored."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.adapters.vector_files import VectorFiles
from services.projection.domain.pending import Candidate, Doubt, Floor
from services.projection.ports import Checkpoint, Journalled, ProjectionStore, Unsettled
from shared.errors import TransientError
from tests.contract.test_projection_store import checkpoint, facts, model, moments
from tests.fakes.projection_store import FakeProjectionStore

Open = Callable[[], AbstractAsyncContextManager[ProjectionStore]]


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


def candidate(number: int = 0, **changes: Any) -> Candidate:
    fields = Candidate(f"batch-{number}", f"source-{number}", 1, 3, "c" * 32, is_counted=True)
    return replace(fields, **changes)


def kept(one: Candidate) -> Journalled:
    return Journalled(one, values(one))


def values(one: Candidate) -> np.ndarray:
    seed = [ord(letter) for letter in one.batch_id + one.checksum]
    return np.random.default_rng(seed).normal(size=(one.records, 4)).astype(np.float32)


def waiting(*some: Candidate, **changes: Any) -> Checkpoint:
    applied = {one.batch_id: one.records for one in some if one.is_counted}
    return checkpoint(applied=applied, journalled=[kept(one) for one in some], **changes)


async def test_candidates_are_there_to_the_last_bit_after_reopening(opened: Open) -> None:
    one = candidate()
    other = replace(one, checksum="d" * 32, is_counted=False, records=2)
    async with opened() as store:
        assert await store.save(waiting(one, other)) == Unsettled(pending=1)
        assert await store.save(waiting(candidate(1))) == Unsettled(pending=2)

    async with opened() as store:
        found = await store.candidates("default", ["batch-0", "never"])
        vectors = await store.vectors("default", [*found, candidate(7)])
        state = await store.load("default")

    assert set(found) == {one, other}
    assert vectors.keys() == {one, other}
    assert all(np.array_equal(vectors[key], values(key)) for key in found)
    assert (state.pending, state.in_doubt) == (2, 0)


async def test_candidates_are_found_by_floors_too(opened: Open) -> None:
    async with opened() as store:
        await store.save(waiting(*(candidate(number) for number in range(4))))
        floors = {"source-1": Floor(2), "source-2": Floor(1), "never": Floor(9)}

        found = await store.candidates("default", ["batch-0", "batch-1"], floors)

    assert sorted(one.batch_id for one in found) == ["batch-0", "batch-1"]
    async with opened() as store:
        below = await store.candidates("default", [], {"source-3": Floor(2)})
    assert below == [candidate(3)]


async def test_what_is_closed_is_gone_and_stays_counted(opened: Open) -> None:
    one = candidate()
    async with opened() as store:
        await store.save(waiting(one, candidate(1), revision=4))
        told = await store.save(Checkpoint(collection="default", revision=9, closed=[one]))
    async with opened() as store:
        state = await store.load("default")

        assert told == Unsettled(pending=1)
        assert await store.candidates("default", ["batch-0"]) == []
        assert await store.vectors("default", [one]) == {}
        assert await store.known("default", ["batch-0"]) == {"batch-0": True}
    assert (state.records, state.revision, state.pending) == (3, 9, 1)


async def test_a_second_copy_is_no_second_batch_that_waits(
    opened: Open,
) -> None:
    one = candidate()
    other = replace(one, checksum="d" * 32, is_counted=False)
    async with opened() as store:
        await store.save(waiting(one, candidate(1)))
        assert await store.save(waiting(other)) == Unsettled(pending=2)
        told = await store.save(checkpoint(applied={}, closed=[one, other]))
        assert told == Unsettled(pending=1)
        again = await store.save(checkpoint(applied={}, closed=[one, other]))
        assert again == Unsettled(pending=1)
    async with opened() as store:
        assert (await store.load("default")).pending == 1
        assert await store.save(waiting(candidate(2))) == Unsettled(pending=2)


async def test_what_is_disowned_was_never_known_and_may_count_again(opened: Open) -> None:
    async with opened() as store:
        await store.save(waiting(candidate()))
        await store.save(checkpoint(applied={}, disowned=["batch-0"], closed=[candidate()]))
        assert await store.known("default", ["batch-0"]) == {}

        await store.save(waiting(candidate()))
        assert await store.known("default", ["batch-0"]) == {"batch-0": True}


async def test_what_never_counted_can_be_known_as_retracted(opened: Open) -> None:
    async with opened() as store:
        await store.save(checkpoint(applied={"a": 3}, retracted=["a"]))

        assert await store.known("default", ["a"]) == {"a": False}


async def test_floors_are_there_after_reopening(opened: Open) -> None:
    async with opened() as store:
        await store.save(checkpoint(floors={"a": Floor(2), "b": Floor(3, is_forgotten=True)}))
        await store.save(checkpoint(applied={}, floors={"a": Floor(5)}))
        await store.save(checkpoint(collection="other", floors={"a": Floor(9)}))

    async with opened() as store:
        found = await store.floors("default", ["a", "b", "never"])

    assert found == {"a": Floor(5), "b": Floor(3, is_forgotten=True)}


async def test_doubts_end_when_they_are_cleared_or_below_a_floor(opened: Open) -> None:
    doubts = [Doubt(f"batch-{n}", f"source-{n}", 1, 3, f"{n}" * 32) for n in range(3)]
    async with opened() as store:
        assert await store.save(checkpoint(doubts=doubts)) == Unsettled(in_doubt=3)
        await store.save(checkpoint(applied={}, doubts=[replace(doubts[0], checksum="f" * 32)]))
    async with opened() as store:
        assert (await store.load("default")).in_doubt == 3
        assert await store.doubts("default", ["batch-0", "batch-1", "never"]) == {
            "batch-0": "f" * 32,
            "batch-1": "1" * 32,
        }
        cleared = await store.save(checkpoint(applied={}, cleared=["batch-0", "never"]))
        assert cleared == Unsettled(in_doubt=2)
        floors = {"source-1": Floor(2), "source-2": Floor(1)}
        assert await store.save(checkpoint(applied={}, floors=floors)) == Unsettled(in_doubt=1)


async def test_what_waits_is_kept_apart_by_collection(opened: Open) -> None:
    async with opened() as store:
        await store.save(waiting(candidate()))
        told = await store.save(waiting(candidate(), collection="other"))
        await store.save(checkpoint(collection="other", applied={}, closed=[candidate()]))

        assert told == Unsettled(pending=1)
        assert await store.candidates("default", ["batch-0"]) == [candidate()]
        assert await store.candidates("other", ["batch-0"], {"source-0": Floor(2)}) == []


# --- SQLite and its files alone


async def test_files_go_when_nothing_in_them_waits(tmp_path: Path) -> None:
    files = VectorFiles(tmp_path / "pending", segment_bytes=100)
    part = np.ones((3, 4), np.float32)
    places = [place for _ in range(6) for place in files.append([part])]
    assert [one.segment for one in places] == [1, 1, 1, 2, 2, 2]

    files.keep({1})
    assert [files.read(one, 3) is not None for one in places] == [True] * 6

    files.append([part])
    files.keep(set())
    files.close()
    assert [one.name for one in (tmp_path / "pending").iterdir()] == ["0000000003.vectors"]


async def test_replicas_remove_no_file_that_one_of_them_writes_to(tmp_path: Path) -> None:
    part = np.ones((3, 4), np.float32)
    one, other = VectorFiles(tmp_path / "pending"), VectorFiles(tmp_path / "pending")
    (first,) = one.append([part])
    (second,) = other.append([part * 2])
    assert (first.segment, second.segment) == (1, 2)

    one.keep(set())
    (third,) = other.append([part * 3])
    assert other.read(second, 3) is not None
    assert other.read(third, 3) is not None

    other.close()
    one.keep(set())
    assert other.read(third, 3) is None
    one.close()


async def test_replicas_change_one_store_and_know_what_the_other_did(tmp_path: Path) -> None:
    file = tmp_path / "projection.sqlite"
    async with open_store(file) as one, open_store(file) as other:
        await one.save(waiting(candidate()))
        assert (await other.load("default")).pending == 1
        await other.save(waiting(candidate(1), candidate(2)))
        await other.save(checkpoint(applied={}, closed=[candidate(1)]))
        assert (await one.load("default")).pending == 2

        assert await one.save(waiting(candidate(3))) == Unsettled(pending=3)
        some = [candidate(), candidate(2), candidate(3)]
        vectors = await other.vectors("default", some)
        assert all(np.array_equal(vectors[key], values(key)) for key in some)


async def test_a_file_that_a_crash_may_have_cut_is_not_gone_on_with(tmp_path: Path) -> None:
    part = np.ones((3, 4), np.float32)
    before = VectorFiles(tmp_path / "pending")
    (first,) = before.append([part])
    before.close()
    files = VectorFiles(tmp_path / "pending")
    (second,) = files.append([part * 2])
    files.close()

    assert (first.segment, second.segment) == (1, 2)
    assert files.read(first, 3) is not None
    (tmp_path / "pending" / "0000000001.vectors").write_bytes(b"cut")
    assert files.read(first, 3) is None
    assert files.read(replace(second, segment=9), 3) is None


async def test_a_place_where_nothing_can_be_kept_is_a_passing_failure(tmp_path: Path) -> None:
    (tmp_path / "pending").write_text("a file where a folder is to be")
    async with open_store(tmp_path / "projection.sqlite") as store:
        with pytest.raises(TransientError, match="cannot be stored"):
            await store.save(waiting(candidate()))

        assert await store.known("default", ["batch-0"]) == {}
        (tmp_path / "pending").unlink()
        assert await store.save(waiting(candidate())) == Unsettled(pending=1)
        assert await store.known("default", ["batch-0"]) == {"batch-0": True}


FORMAT_3 = """
CREATE TABLE identity (service TEXT NOT NULL) STRICT;
INSERT INTO identity VALUES ('projection');
CREATE TABLE moments (
    collection TEXT PRIMARY KEY, dimension INTEGER NOT NULL, count INTEGER NOT NULL,
    mean BLOB NOT NULL, scatter BLOB NOT NULL, revision INTEGER NOT NULL,
    owes_refit INTEGER NOT NULL, forgotten_version INTEGER NOT NULL, held TEXT
) STRICT;
CREATE TABLE batches (
    collection TEXT NOT NULL, batch_id TEXT NOT NULL, records INTEGER NOT NULL,
    is_counted INTEGER NOT NULL, retracted_at INTEGER, PRIMARY KEY (collection, batch_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_retraction ON batches (retracted_at) WHERE retracted_at IS NOT NULL;
CREATE TABLE models (
    collection TEXT NOT NULL, version INTEGER NOT NULL, parent INTEGER, dimension INTEGER NOT NULL,
    mean BLOB NOT NULL, components BLOB NOT NULL, explained_variance_ratio TEXT NOT NULL,
    record_count INTEGER NOT NULL, reason TEXT NOT NULL, created_at TEXT NOT NULL,
    revision INTEGER NOT NULL, movement TEXT, decision TEXT, correlation_ids TEXT NOT NULL,
    is_announced INTEGER NOT NULL DEFAULT 0, explained_variance TEXT,
    PRIMARY KEY (collection, version)
) STRICT;
PRAGMA user_version = 3;
"""
"""The whole of a state as the program of 28 November 2026 made it."""


async def test_a_state_of_before_goes_on_with_what_it_counted(tmp_path: Path) -> None:
    file, held = tmp_path / "projection.sqlite", moments()
    with closing(sqlite3.connect(file)) as db:
        db.executescript(FORMAT_3)
        squares = held.mean.tobytes(), held.scatter.tobytes()
        db.execute("INSERT INTO moments VALUES ('default', 4, 3, ?, ?, 5, 1, 0, NULL)", squares)
        db.execute("INSERT INTO batches VALUES ('default', 'old', 3, 1, NULL)")
        db.execute("INSERT INTO batches VALUES ('default', 'gone', 3, 0, unixepoch())")
        db.commit()

    async with open_store(file) as store:
        state = await store.load("default")
        known = await store.known("default", ["old", "gone", "never"])
        told = await store.save(waiting(candidate(), model=model(), revision=6))
    async with open_store(file) as store:
        again = await store.load("default")

    assert state.moments is not None
    assert np.array_equal(state.moments.scatter, held.scatter)
    assert (state.revision, state.owes_refit, state.pending, state.in_doubt) == (5, True, 0, 0)
    assert known == {"old": True, "gone": False}
    assert told == Unsettled(pending=1)
    assert again.model is not None
    assert facts(again.model) == facts(model())


async def test_everything_that_is_known_is_told(opened: Open) -> None:
    doubt = Doubt("batch-7", "source-7", 1, 3, "d" * 32)
    async with opened() as store:
        await store.save(waiting(candidate(0), candidate(1, is_counted=False)))
        await store.save(checkpoint(applied={"batch-5": 3}, doubts=[doubt]))
        await store.save(checkpoint(applied={}, retracted=["batch-5"]))
        found = await store.everything("default")
        other = await store.everything("other")

    assert found.batches == {"batch-0": True, "batch-5": False}
    assert set(found.candidates) == {candidate(0), candidate(1, is_counted=False)}
    assert list(found.in_doubt) == ["batch-7"]
    assert (other.batches, [*other.candidates], [*other.in_doubt]) == ({}, [], [])
