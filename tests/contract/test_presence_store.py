"""What every ledger keeps of the files themselves, the fake one included."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import NOW, stat

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
    await store.begin_version(A, "f1", NOW)
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
        await store.begin_version(A, "f1", NOW)
    elif end == "unchanged":
        await store.note_unchanged(A, LATER)
    else:
        await store.fail(A, "may not be read", LATER)

    one = (await store.get([ID]))[ID]
    assert (one.why_incomplete, one.incomplete_since) == (None, None)
    assert await store.count_incomplete("default") == 0
