"""What every store knows of collections that rest."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from tests.contract.test_collection_store import record

SOURCE = """INSERT INTO sources (source_id, collection, filename, path, size, mtime_ns, status,
    seen, mapped, dead, discovered_at) VALUES (?, 'a', ?, '/', 1, 1, ?, ?, ?, 0, '')"""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStateStore]:
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def test_one_that_a_command_makes_rests_and_one_of_the_configuration_does_not(
    store: SqliteStateStore,
) -> None:
    await store.add_collections([record("configured")])
    assert await store.create_collection(record("configured", "other"), "key") is None
    await store.create_collection(record("a"), "key")
    assert await store.resting_collections() == {"a"}

    await store.wake_collection("a")
    await store.create_collection(record("a"), "key")
    assert await store.resting_collections() == set()


async def test_what_was_noted_of_consumers_goes_with_them(store: SqliteStateStore) -> None:
    for name in ("a", "b"):
        await store.note_births(name, "then")

    await store.rest_collection("a")
    await store.rest_collection("a")

    assert await store.resting_collections() == {"a"}
    assert await store.births("a") is None
    assert await store.births("b") == "then"


@pytest.mark.parametrize(
    ("status", "seen", "is_settled"),
    [
        ("reading", 0, False),
        ("dispatched", 2, False),
        ("failed", 2, False),
        ("failed", 1, True),
        ("completed", 1, True),
        ("incomplete", 0, True),
        ("forgotten", 0, True),
    ],
)
async def test_it_is_settled_when_nothing_is_to_be_read_or_on_its_way(
    store: SqliteStateStore, status: str, seen: int, is_settled: bool
) -> None:
    store._connection.execute(SOURCE, ("id", "a.jsonl", status, seen, 1 if seen else 0))

    assert await store.is_settled("a") is is_settled
    assert await store.is_settled("b")


async def test_what_is_sent_again_for_a_dead_letter_is_on_its_way(store: SqliteStateStore) -> None:
    store._connection.execute(
        "INSERT INTO resends VALUES ('batch', 'id', 'letter', 'a', 1, 'embedding', 'm', x'00')"
    )
    assert not await store.is_settled("a")


async def test_a_batch_that_is_not_closed_is_on_its_way(store: SqliteStateStore) -> None:
    store._connection.execute(SOURCE, ("id", "a.jsonl", "completed", 1, 1))
    store._connection.execute(
        "INSERT INTO batches (batch_id, source_id, records, mapped, dead, is_recorded, is_closed,"
        " is_settled) VALUES ('batch', 'id', 3, 1, 0, 1, 0, 0)"
    )
    assert not await store.is_settled("a")
