"""What every store of collections does, the fake one included."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.ports import CollectionStore
from shared.contracts.collections import CollectionRecord, SourceFolder
from tests.fakes.collection_store import FakeCollectionStore
from tests.unit.discovery.builders import NOW


def record(name: str, id_: str = "", **fields: object) -> CollectionRecord:
    facts = {"id": id_ or f"id-of-{name}", "name": name, "title": name, "revision": 1}
    return CollectionRecord.model_validate(facts | {"created_at": NOW} | fields)


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CollectionStore]:
    if request.param == "fake":
        yield FakeCollectionStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def test_a_record_is_kept_as_it_is(store: CollectionStore) -> None:
    whole = record(
        "a", title="Ä 'b\"", description="ü" * 2000, kind="table", origin="command",
        state="deleting", revision=7, sources=(SourceFolder(path="/ä 'b\"", glob="*"),),
    )  # fmt: skip
    await store.add_collections([whole])

    assert await store.find_collection("a") == whole
    assert await store.find_collection("b") is None


async def test_a_name_that_is_known_keeps_its_record(store: CollectionStore) -> None:
    await store.add_collections([record("a")])
    await store.add_collections([record("a", "another"), record("b")])

    assert await store.list_collections("", 9) == [record("a"), record("b")]


async def test_they_are_listed_by_name_a_piece_at_a_time(store: CollectionStore) -> None:
    await store.add_collections([record(name) for name in ("b", "a-1", "a", "0")])

    listed = [one.name for one in await store.list_collections("", 3)]
    assert listed == ["0", "a", "a-1"]
    assert [one.name for one in await store.list_collections("a", 3)] == ["a-1", "b"]
    assert await store.list_collections("b", 3) == []


async def test_what_was_not_told_is_known_until_it_is(store: CollectionStore) -> None:
    a, b = record("a", revision=2), record("b")
    await store.add_collections([b, a])
    assert await store.untold_collections() == [a, b]

    await store.mark_collection_told(a.id, 1)
    await store.mark_collection_told(b.id, 1)
    await store.mark_collection_told("unknown", 1)
    assert await store.untold_collections() == [a]

    await store.mark_collection_told(a.id, 2)
    await store.mark_collection_told(a.id, 1)
    assert await store.untold_collections() == []


async def test_what_is_given_changes_and_makes_one_revision(store: CollectionStore) -> None:
    await store.add_collections([record("a", description="what"), record("b")])
    await store.mark_collection_told("id-of-a", 1)
    await store.mark_collection_told("id-of-b", 1)

    titled = await store.rename_collection("a", "A", None)
    described = await store.rename_collection("a", None, "")
    both = await store.rename_collection("a", "Ä", "ü")

    assert titled == record("a", title="A", description="what", revision=2)
    assert described == record("a", title="A", description="", revision=3)
    assert both == record("a", title="Ä", description="ü", revision=4)
    assert await store.list_collections("", 9) == [both, record("b")]
    assert await store.untold_collections() == []


async def test_what_is_so_already_stays_at_its_revision(store: CollectionStore) -> None:
    await store.add_collections([record("a", description="what")])

    assert await store.rename_collection("a", "a", "what") == record("a", description="what")
    assert await store.rename_collection("a", None, "what") == record("a", description="what")
    assert await store.rename_collection("b", "B", None) is None
    assert await store.untold_collections() == [record("a", description="what")]


async def test_a_command_makes_one_record_however_often_it_comes(store: CollectionStore) -> None:
    first = record("a", "1", origin="command", sources=(SourceFolder(path="/a"),))
    assert await store.create_collection(first, "command-1") == first
    assert await store.create_collection(record("a", "2"), "command-1") == first
    assert await store.create_collection(record("a", "3"), "command-2") is None

    assert await store.list_collections("", 9) == [first]
    assert await store.untold_collections() == []
    renamed = await store.rename_collection("a", "A", None)
    assert await store.create_collection(record("a", "2"), "command-1") == renamed


async def test_one_of_the_configuration_was_made_by_no_command(store: CollectionStore) -> None:
    await store.add_collections([record("a")])

    assert await store.create_collection(record("a", "2"), "command-1") is None


async def test_what_is_withdrawn_leaves_its_name(store: CollectionStore) -> None:
    await store.add_collections([record("b")])
    await store.create_collection(record("a", "1"), "command-1")
    await store.withdraw_collection("1")
    await store.withdraw_collection("unknown")

    assert await store.find_collection("a") is None
    assert await store.create_collection(record("a", "2"), "command-2") == record("a", "2")
    assert await store.find_collection("b") == record("b")
