"""What every book of stalls does, the fake one included."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.stalls import Stall
from services.discovery.ports import StallStore
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import NOW

ONE = Stall("default", "s1", "ä.jsonl", (2, 5, 1, 0, "dispatched"), "embedding", NOW)
OLDER = replace(ONE, source_id="s2", since=NOW - timedelta(hours=1), stage="bus")


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StallStore]:
    if request.param == "fake":
        yield FakeStateStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def test_the_longest_stall_comes_first(store: StallStore) -> None:
    await store.replace_stalls((), [ONE, OLDER])

    assert await store.stalls("default") == [OLDER, ONE]


async def test_another_collection_has_its_own(store: StallStore) -> None:
    other = replace(OLDER, collection="other")
    await store.replace_stalls((), [ONE, other])

    assert await store.stalls("other") == [other]


async def test_what_is_over_goes_and_what_is_told_is_noted(store: StallStore) -> None:
    await store.replace_stalls((), [ONE, OLDER])
    told = replace(ONE, is_announced=True)
    await store.replace_stalls(["s2", "unknown"], [told])

    assert await store.stalls("default") == [told]


async def test_a_source_may_stand_still_again(store: StallStore) -> None:
    await store.replace_stalls((), [replace(ONE, is_announced=True)])
    again = replace(ONE, since=NOW + timedelta(hours=1))
    await store.replace_stalls(["s1"], [again])

    assert await store.stalls("default") == [again]
