"""What of batches cannot all be true is kept by every ledger, until it is over."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.ledger import CommandRef, Commit, Death
from services.discovery.domain.segments import ContentHash
from services.discovery.ports import ContradictionStore, StateStore
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import NOW, RULES, stat

A = stat("a.jsonl")
ID = A.source_id


class Accounts(StateStore, ContradictionStore, Protocol):
    """Both parts of a ledger."""


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Accounts]:
    if request.param == "fake":
        yield FakeStateStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def sent(store: Accounts, *records: int) -> None:
    """Begin to read a source, with a batch of so many records each; it is not at its end."""
    await store.begin_version(A, ContentHash("f1"), RULES, NOW)
    for number, count in enumerate(records):
        await store.record_batch(f"b{number}", ID, 1, count)


async def stored(store: Accounts, batch: str, records: int, *, superseded: bool = False) -> None:
    commit = Commit(batch, ID, 1, records, is_superseded=superseded)
    await store.apply_committed([commit, commit], NOW)


async def died(store: Accounts, key: str, records: int, *, of_record: bool) -> None:
    death = Death(key, ID, 1, "b0", records, is_of_record=of_record)
    await store.apply_deaths([death, death], NOW)


async def told(store: Accounts) -> list[tuple[str, str]]:
    found = await store.contradictions("default", 9)
    assert await store.count_contradictions("default") == len(found)
    assert await store.contradictions("other", 9) == []
    assert all(one.filename == "a.jsonl" and one.since == NOW for one in found)
    return [(one.batch_id, one.what) for one in found]


async def figures(store: Accounts) -> tuple[int, int, int, int]:
    total = await store.totals("default")
    return total.seen, total.mapped, total.dead, total.in_flight


async def test_what_fits_is_no_contradiction_in_whatever_order_it_is_told(store: Accounts) -> None:
    await sent(store, 10, 4, 0)
    await stored(store, "b1", 4)
    await stored(store, "b2", 0)
    await stored(store, "b0", 9)
    await died(store, "k", 1, of_record=True)
    await stored(store, "b0", 9)

    assert await told(store) == []
    assert await figures(store) == (14, 13, 1, 0)


@pytest.mark.parametrize("is_stored_first", [True, False])
async def test_a_copy_that_died_as_a_whole_beside_the_stored_one_contradicts_nothing(
    store: Accounts, *, is_stored_first: bool
) -> None:
    await sent(store, 10)
    if is_stored_first:
        await stored(store, "b0", 10)
    await died(store, "k", 10, of_record=False)
    if not is_stored_first:
        await stored(store, "b0", 10)

    assert await told(store) == []
    assert await figures(store) == (10, 10, 0, 0)


@pytest.mark.parametrize("is_stored_first", [True, False])
async def test_a_record_that_is_stored_and_dead_is_named(
    store: Accounts, *, is_stored_first: bool
) -> None:
    await sent(store, 10)
    if is_stored_first:
        await stored(store, "b0", 10)
    await died(store, "k", 1, of_record=True)
    if not is_stored_first:
        await stored(store, "b0", 10)

    what = "10 records were sent, the dataset has 10 rows, and 1 are dead-lettered"
    assert await told(store) == [("b0", what)]
    assert await figures(store) == (10, 10, 0, 0)


async def test_more_rows_than_were_sent_are_named(store: Accounts) -> None:
    await sent(store, 10)
    await stored(store, "b0", 11)

    assert await told(store) == [("b0", "10 records were sent, and the dataset has 11 rows")]


async def test_rows_that_have_left_are_named(store: Accounts) -> None:
    await sent(store, 10, 1)
    await stored(store, "b0", 10)
    await stored(store, "b0", 7)

    assert await told(store) == [("b0", "the dataset had 10 rows, and has 7 now")]
    assert await figures(store) == (11, 7, 0, 4)


async def test_a_dataset_that_knows_a_newer_version_is_named_and_settles_nothing(
    store: Accounts,
) -> None:
    await sent(store, 10)
    await stored(store, "b0", 0, superseded=True)

    ((batch, what),) = await told(store)
    assert batch == "b0"
    assert "the ledger is older than the dataset" in what
    assert await figures(store) == (10, 0, 0, 10)


async def test_a_batch_that_is_not_noted_as_sent_yet_contradicts_nothing(store: Accounts) -> None:
    await store.begin_version(A, ContentHash("f1"), RULES, NOW)
    await stored(store, "b0", 3)
    await store.record_batch("b0", ID, 1, 3)

    assert await told(store) == []


@pytest.mark.parametrize("way", ["another version", "forgotten"])
async def test_it_is_over_with_the_version(store: Accounts, way: str) -> None:
    await sent(store, 10)
    await stored(store, "b0", 11)

    if way == "forgotten":
        await store.forget(ID, CommandRef("k", "c"))
    else:
        await store.begin_version(A, ContentHash("f2"), RULES, NOW)

    assert await told(store) == []
