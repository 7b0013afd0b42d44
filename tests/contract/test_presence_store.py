"""What every ledger keeps of the files themselves, the fake one included."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.ledger import CommandRef, Commit, SourceRecord, needs_look
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import SourceStat
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import END, NOW, RULES, stat

A, B = stat("a.jsonl"), stat("b.jsonl")
ID = A.source_id
LATER = NOW + timedelta(hours=1)
Store = SqliteStateStore | FakeStateStore


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "fake":
        yield FakeStateStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def test_what_is_incomplete_is_told_with_why_and_since_when(store: Store) -> None:
    await store.note_incomplete(B, "empty", NOW)
    await store.note_incomplete(B, "no_json_at_end", LATER)
    await store.note_incomplete(stat("c.jsonl", collection="other"), "empty", NOW)
    await store.begin_version(A, ContentHash("f1"), RULES, NOW)
    await store.note_incomplete(A, "no_final_answer", LATER)

    found = await store.incomplete("default", 9)
    assert [(one.filename, one.why_incomplete, one.incomplete_since) for one in found] == [
        ("a.jsonl", "no_final_answer", LATER),
        ("b.jsonl", "no_json_at_end", NOW),
    ]
    assert [one.filename for one in await store.incomplete("default", 1)] == ["a.jsonl"]
    assert await store.count_incomplete("default") == 2


@pytest.mark.parametrize("end", ["begins", "unchanged", "fails"])
async def test_what_was_incomplete_is_so_no_more(store: Store, end: str) -> None:
    await store.note_incomplete(A, "empty", NOW)
    if end == "begins":
        await store.begin_version(A, ContentHash("f1"), RULES, NOW)
    elif end == "unchanged":
        await store.note_unchanged(A, LATER)
    else:
        await store.fail(A, "may not be read", LATER)

    one = (await store.get([ID]))[ID]
    assert (one.why_incomplete, one.incomplete_since) == (None, None)
    assert await store.count_incomplete("default") == 0


async def mapped(store: Store, source: SourceStat = A) -> None:
    await store.begin_version(source, ContentHash("f1"), RULES, NOW)
    await store.record_batch(f"b-{source.filename}", source.source_id, 1, 3)
    await store.finish_reading(source.source_id, 1, END, NOW)
    await store.apply_committed([Commit(f"b-{source.filename}", source.source_id, 1, 3)], NOW)
    await store.mark_announced(source.source_id, "completed")


async def row(store: Store, source: SourceStat = A) -> SourceRecord:
    return (await store.get([source.source_id]))[source.source_id]


async def test_what_goes_and_comes_back_is_kept_until_it_is_told(store: Store) -> None:
    await mapped(store)
    await mapped(store, B)
    await store.note_incomplete(stat("c.jsonl"), "empty", NOW)
    assert await store.there("default", "", 9) == {
        "a.jsonl": (ID, "/root/a.jsonl"),
        "b.jsonl": (B.source_id, "/root/b.jsonl"),
    }
    assert await store.there("other", "", 9) == {}

    gone: dict[str, str | None] = {ID: "b.jsonl", stat("c.jsonl").source_id: None, "nobody": None}
    (one,) = await store.note_gone(gone, LATER)
    assert await store.note_gone(gone, LATER + timedelta(hours=1)) == []
    assert (one.gone_at, one.same_as, one.mapped, one.status) == (
        LATER,
        "b.jsonl",
        3,
        "completed",
    )
    assert [two.filename for two in await store.gone("default", 9)] == ["a.jsonl"]
    assert await store.gone("other", 9) == []
    assert (await store.count_gone("default"), len(await store.all_gone("default"))) == (1, 1)
    assert list(await store.there("default", "", 9)) == ["b.jsonl"]
    assert [two.source_id for two in await store.untold_presence()] == [ID]

    await store.mark_presence_told(ID, NOW)  # of another time
    assert len(await store.untold_presence()) == 1
    await store.mark_presence_told(ID, LATER)
    assert await store.untold_presence() == []

    (back,) = await store.note_returned([ID, B.source_id, "nobody"], LATER)
    assert await store.note_returned([ID], LATER) == []
    assert (back.gone_at, back.returned_at, back.same_as) == (None, LATER, None)
    assert back.fingerprint == "f1"
    assert await store.count_gone("default") == 0
    assert [two.source_id for two in await store.untold_presence()] == [ID]


async def test_what_is_gone_is_no_longer_incomplete(store: Store) -> None:
    await mapped(store)
    await store.note_incomplete(A, "no_final_answer", NOW)
    await store.note_gone({ID: None}, LATER)

    assert await store.count_incomplete("default") == 0


@pytest.mark.parametrize(("key", "expected"), [("gone:a", None), ("1@t", "f1")])
async def test_only_what_was_forgotten_for_being_gone_is_read_again_when_it_is_back(
    store: Store, key: str, expected: str | None
) -> None:
    await mapped(store)
    await store.note_gone({ID: None}, NOW)
    forgotten = await store.forget(ID, CommandRef(key, "c"))
    assert forgotten is not None
    assert await store.all_gone("default") == []
    assert await store.there("default", "", 9) == {}
    await store.apply_committed([Commit(forgotten.empty_batch_id, ID, 2, 0)], LATER)
    await store.mark_announced(ID, "forgotten")

    (back,) = await store.note_returned([ID], LATER)
    assert (back.fingerprint, back.is_forgotten) == (expected, True)
    assert needs_look(back, A) is (expected is None)
    begun = await store.begin_version(A, ContentHash("f1"), RULES, LATER)
    assert begun.number == (3 if expected is None else 2)


async def test_facts_that_were_not_kept_are_completed(store: Store) -> None:
    await mapped(store)
    now = replace(A, ctime_ns=5, inode=6)
    await store.note_facts([now, stat("nobody.jsonl")], LATER)

    one = await row(store)
    assert (one.ctime_ns, one.inode, one.checked_at) == (5, 6, NOW)
    assert not needs_look(one, now)
    assert needs_look(one, replace(now, ctime_ns=7))
    assert needs_look(one, replace(now, inode=7))
    await store.note_unchanged(replace(now, inode=7), LATER)
    assert (await row(store)).checked_at == LATER


SEEN = stat("a.jsonl", mtime_ns=7, ctime_ns=8, inode=9)


async def unremarkable(store: Store, seen: SourceStat = SEEN, **since: datetime) -> bool:
    found = await store.unremarkable([seen, B], since.get("checked_since"))
    assert found <= {ID}
    return bool(found)


async def test_what_is_as_it_was_is_unremarkable(store: Store) -> None:
    assert not await unremarkable(store)
    await mapped(store, SEEN)

    assert await unremarkable(store)
    assert await unremarkable(store, checked_since=NOW)
    assert not await unremarkable(store, checked_since=NOW + timedelta(microseconds=1))


@pytest.mark.parametrize(
    "change",
    [
        {"size": 11},
        {"mtime_ns": 6},
        {"ctime_ns": 9},
        {"inode": 8},
        {"path": "/elsewhere/a.jsonl"},
    ],
)
async def test_a_file_that_looks_otherwise_is_remarkable(
    store: Store, change: dict[str, Any]
) -> None:
    await mapped(store, SEEN)
    assert not await unremarkable(store, replace(SEEN, **change))


async def test_what_is_on_its_way_is_unremarkable_once_it_was_read(store: Store) -> None:
    await store.begin_version(SEEN, ContentHash("f1"), RULES, NOW)
    assert not await unremarkable(store)
    await store.record_batch("b", ID, 1, 3)
    await store.finish_reading(ID, 1, END, NOW)
    assert await unremarkable(store)
    assert await store.requeue(ID)
    assert not await unremarkable(store)


@pytest.mark.parametrize(
    "why", ["incomplete", "failed", "gone", "forgotten", "gone and forgotten"]
)
async def test_what_is_not_well_is_remarkable(store: Store, why: str) -> None:
    await mapped(store, SEEN)
    if why == "incomplete":
        await store.note_incomplete(SEEN, "no_final_answer", LATER)
    elif why == "failed":
        await store.fail(SEEN, "may not be read", LATER)
    if why.startswith("gone"):
        await store.note_gone({ID: None}, LATER)
    if why.endswith("forgotten"):
        await store.forget(ID, CommandRef("gone:1", "gone:1"))
    assert not await unremarkable(store)


async def test_what_somebody_had_forgotten_is_unremarkable_once_that_is_told(store: Store) -> None:
    await mapped(store, SEEN)
    await store.forget(ID, CommandRef("k", "c"))
    batch = (await row(store)).empty_batch_id
    (one,) = await store.apply_committed([Commit(batch, ID, 2, 0)], NOW)
    assert not await unremarkable(store)
    await store.mark_announced(ID, one.status)
    assert await unremarkable(store)


async def test_of_what_an_older_ledger_noted_the_facts_are_to_be_completed(store: Store) -> None:
    await mapped(store, stat("a.jsonl", mtime_ns=7))
    assert not await unremarkable(store)


async def test_what_is_there_comes_in_pages(store: Store) -> None:
    for name in "abc":
        await mapped(store, stat(f"{name}.jsonl"))

    assert list(await store.there("default", "", 2)) == ["a.jsonl", "b.jsonl"]
    assert list(await store.there("default", "b.jsonl", 2)) == ["c.jsonl"]
    assert await store.there("default", "c.jsonl", 2) == {}


async def test_what_is_being_read_is_told(store: Store) -> None:
    await mapped(store, A)
    await store.begin_version(B, ContentHash("f1"), RULES, NOW)
    assert [one.filename for one in await store.being_read("default")] == ["b.jsonl"]
    await store.finish_reading(B.source_id, 1, END, NOW)
    assert await store.being_read("default") == []
