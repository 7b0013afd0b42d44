"""What every book of stalls does, the fake one included."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.adapters.sqlite_state_store_schema import FILENAME
from services.discovery.domain.ledger import Commit
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import SourceStat
from services.discovery.domain.stalls import Stall, numbers_of
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import END, NOW, RULES, stat

A, B = stat("a.jsonl"), stat("b.jsonl")
AGO = NOW - timedelta(hours=1)
Store = SqliteStateStore | FakeStateStore


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "fake":
        yield FakeStateStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def dispatch(store: Store, source: SourceStat = A) -> None:
    version = (await store.begin_version(source, ContentHash("f"), RULES, NOW)).number
    for number in range(2):
        await store.record_batch(f"{source.filename}-{number}", source.source_id, version, 3)
    await store.finish_reading(source.source_id, version, END, NOW)


async def commit(store: Store, source: SourceStat = A, *numbers: int) -> None:
    ids = [f"{source.filename}-{number}" for number in numbers or (0,)]
    await store.apply_committed([Commit(one, source.source_id, 1, 3) for one in ids], NOW)


async def stall(store: Store, source: SourceStat = A, since: datetime = NOW) -> Stall:
    row = (await store.get([source.source_id]))[source.source_id]
    numbers = numbers_of(row)
    return Stall(row.collection, row.source_id, row.filename, numbers, "embedding", since)


async def standing(store: Store, before: int, most: int = 9) -> tuple[int, list[tuple[str, int]]]:
    found = await store.look_for_standing("default", before, most)
    return found.number, [(row.filename, moved_in) for row, moved_in in found.found]


async def test_what_did_not_move_since_a_look_stands_still(store: Store) -> None:
    await dispatch(store)
    assert await standing(store, 0) == (1, [])
    assert await standing(store, 1) == (2, [("a.jsonl", 0)])
    await commit(store)
    assert await standing(store, 2) == (3, [])
    assert await standing(store, 3) == (4, [("a.jsonl", 2)])


async def test_what_waits_to_be_shown_has_moved(store: Store) -> None:
    await dispatch(store)
    await standing(store, 0)
    await store.apply_committed([Commit("a.jsonl-0", A.source_id, 1, 3, is_staged=True)], NOW)

    assert await standing(store, 1) == (2, [])
    assert await standing(store, 2) == (3, [("a.jsonl", 1)])


async def test_what_waits_behind_one_that_moves_does_not_stand_still(store: Store) -> None:
    await dispatch(store)
    await dispatch(store, B)
    await standing(store, 0)
    await commit(store, A)

    assert await standing(store, 1) == (2, [])
    assert await standing(store, 2) == (3, [("a.jsonl", 1), ("b.jsonl", 1)])


async def test_what_others_overtake_stands_still(store: Store) -> None:
    await dispatch(store)
    await dispatch(store, B)
    await standing(store, 0)
    await commit(store, B)

    assert await standing(store, 1) == (2, [("a.jsonl", 0)])


async def test_the_end_of_a_source_is_a_move_for_those_behind_it(store: Store) -> None:
    await dispatch(store)
    await dispatch(store, B)
    await standing(store, 0)
    await commit(store, A, 0, 1)

    assert await standing(store, 1) == (2, [])
    assert await standing(store, 2) == (3, [("b.jsonl", 0)])


async def test_a_new_version_and_what_failed_do_not_stand_still(store: Store) -> None:
    await dispatch(store)
    await dispatch(store, B)
    await standing(store, 0)
    await store.begin_version(A, ContentHash("g"), RULES, NOW)
    assert await standing(store, 1) == (2, [])
    await store.fail(A, "may not be read", NOW)
    await standing(store, 2)

    assert await standing(store, 3) == (4, [("b.jsonl", 0)])


async def test_no_more_is_found_than_wanted_and_nothing_twice(store: Store) -> None:
    await dispatch(store)
    await dispatch(store, B)
    await dispatch(store, stat("c.jsonl", collection="other"))
    await standing(store, 0)
    assert await standing(store, 1, most=1) == (2, [("a.jsonl", 0)])
    await store.note_stalls([await stall(store)])

    assert await standing(store, 1, most=1) == (3, [("b.jsonl", 0)])


async def test_the_longest_stall_comes_first(store: Store) -> None:
    other = stat("c.jsonl", collection="other")
    for source in (A, B, other):
        await dispatch(store, source)
    one, older = await stall(store), await stall(store, B, AGO)
    await store.note_stalls([one, older, await stall(store, other)])

    assert await store.stalls("default", 9) == [older, one]
    assert await store.stalls("default", 1) == [older]
    assert (await store.count_stalls("default"), await store.count_stalls("other")) == (2, 1)


async def test_what_is_told_is_noted(store: Store) -> None:
    await dispatch(store)
    await dispatch(store, B)
    one, other = await stall(store), await stall(store, B, AGO)
    await store.note_stalls([one, other])
    assert await store.untold_stalls("default", 9) == [other, one]
    assert await store.untold_stalls("default", 1) == [other]
    await store.note_stalls([replace(other, is_announced=True)])

    assert await store.untold_stalls("default", 9) == [one]
    assert await store.count_stalls("default") == 2


@pytest.mark.parametrize("numbers", [(0,), (0, 1)])
async def test_a_stall_is_over_as_soon_as_its_source_moves(
    store: Store, numbers: Sequence[int]
) -> None:
    await dispatch(store)
    before = await stall(store)
    await store.note_stalls([before])
    await commit(store, A, *numbers)
    assert await store.stalls("default", 9) == []

    await store.note_stalls([replace(before, is_announced=True)])
    assert await store.stalls("default", 9) == [], "it moved before that was noted"


async def test_a_source_may_stand_still_again(store: Store) -> None:
    await dispatch(store)
    await store.note_stalls([await stall(store)])
    await commit(store)
    await standing(store, 0)
    again = await stall(store, since=NOW + timedelta(hours=1))
    assert await standing(store, 1) == (2, [("a.jsonl", 0)])
    await store.note_stalls([again])

    assert await store.stalls("default", 9) == [again]


async def test_what_stood_still_is_known_after_a_restart_unless_it_moved(tmp_path: Path) -> None:
    async with SqliteStateStore.open(tmp_path) as store:
        await dispatch(store)
        await dispatch(store, B)
        kept = await stall(store)
        await store.note_stalls([kept, await stall(store, B)])
    with closing(sqlite3.connect(tmp_path / FILENAME)) as db:
        db.execute("UPDATE sources SET mapped = 3 WHERE filename = 'b.jsonl'")
        db.commit()

    async with SqliteStateStore.open(tmp_path) as store:
        assert await store.stalls("default", 9) == [kept]
        await standing(store, 0)
        assert await standing(store, 1) == (2, [("b.jsonl", 0)])
