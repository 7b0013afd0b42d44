"""What the ledger takes over from the dataset, and where it keeps to which one it belongs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.sources import HeldSource
from tests.contract.test_state_store import ID, A, begin, commit, finish, forget, publish, row
from tests.unit.discovery.builders import NOW

OTHER = "0" * 64


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStateStore]:
    async with SqliteStateStore.open(tmp_path) as store:
        yield store


def held(version: int, *, filename: str | None = A.filename, rows: int = 4) -> HeldSource:
    return HeldSource(ID, filename, version, rows if filename else 0)


async def test_a_history_outlives_the_process(tmp_path: Path) -> None:
    async with SqliteStateStore.open(tmp_path) as store:
        assert await store.history("default") is None
        await store.keep_history("default", "{}")
        await store.keep_history("default", '{"a": 1}')
    async with SqliteStateStore.open(tmp_path) as store:
        assert await store.history("default") == '{"a": 1}'
        assert await store.history("other") is None


async def test_its_position_grows_with_every_version(store: SqliteStateStore) -> None:
    seen = [await store.position("default")]
    await begin(store)
    await publish(store, "b", 2)
    await finish(store)
    seen.append(await store.position("default"))
    await commit(store, "b", 2)
    seen.append(await store.position("default"))
    await begin(store, "f2")
    seen.append(await store.position("default"))

    assert seen == [(0, False), (1, False), (1, True), (2, False)]


@pytest.mark.parametrize("stored", [1, 3])
async def test_a_source_that_the_dataset_has_gets_a_version_above_and_is_read_again(
    store: SqliteStateStore, stored: int
) -> None:
    await store.take_over("default", [held(stored)], NOW)
    assert (await row(store)).source_version == stored

    assert await begin(store) == stored + 1


async def test_what_was_begun_of_it_before_is_given_up(store: SqliteStateStore) -> None:
    """The same number would stand for two contents."""
    await begin(store)
    await publish(store, "mine", 2)

    await store.take_over("default", [held(1)], NOW)

    one = await row(store)
    assert (one.status, one.source_version, one.mapped, one.in_flight) == ("completed", 1, 4, 0)
    assert await begin(store) == 2
    await commit(store, "mine", 2, version=1)
    assert (await row(store)).mapped == 0


async def test_a_source_without_rows_is_numbered_from_its_last_version_on(
    store: SqliteStateStore,
) -> None:
    """Nobody knows its name before it comes: it was forgotten, or is empty."""
    await store.take_over("default", [held(4, filename=None)], NOW)
    assert await store.list_sources() == []

    assert await begin(store) == 5
    assert await begin(store, "f2") == 6


async def test_what_the_ledger_is_ahead_of_stays(store: SqliteStateStore) -> None:
    for content in ("f1", "f2", "f3"):
        await begin(store, content)
    before = await row(store)

    await store.take_over("default", [held(2)], NOW)

    assert await row(store) == before


async def test_a_source_that_is_forgotten_in_the_same_version_stays_so(
    store: SqliteStateStore,
) -> None:
    await begin(store)
    await publish(store, "b", 1)
    await finish(store)
    await commit(store, "b", 1)
    one = await forget(store)

    await store.take_over("default", [held(one.source_version, filename=None)], NOW)

    assert (await row(store)).is_forgotten
    await store.take_over("default", [held(one.source_version + 1)], NOW)
    assert not (await row(store)).is_forgotten
