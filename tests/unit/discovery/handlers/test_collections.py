"""Which collections there are, and who is told of them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.handlers.collections import Collections
from services.discovery.ports import DeletionStore
from shared.contracts.collections import CollectionChanged, CollectionRecord, ListCollections
from shared.contracts.commands import Rename
from tests.fakes.clock import FrozenClock
from tests.fakes.collection_store import FakeCollectionStore
from tests.unit.discovery.builders import NOW


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DeletionStore]:
    if request.param == "fake":
        yield FakeCollectionStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def told(collections: Collections) -> list[CollectionChanged]:
    """Tell what is new, as if the bus took all of it."""
    return [
        CollectionChanged.model_validate_json(one.body)
        async for step in collections.resume()
        for one in step
    ]


async def listed(collections: Collections, **asked: object) -> list[CollectionRecord]:
    return [*(await collections.page(ListCollections.model_validate(asked))).items]


async def test_a_collection_of_the_configuration_keeps_its_id_from_start_to_start() -> None:
    store, clock = FakeCollectionStore(), FrozenClock(NOW)
    await Collections(store, clock).record(["b", "a"])
    (a, b) = await listed(Collections(store, clock))
    clock.advance(86_400)
    await Collections(store, clock).record(["a", "c"])

    assert (a.name, a.title, a.kind, a.origin, a.state) == (
        "a", "a", "logs", "configuration", "active",
    )  # fmt: skip
    assert (a.revision, a.created_at) == (1, NOW)
    after = await listed(Collections(store, clock))
    assert after[:2] == [a, b]
    assert after[2].created_at == NOW + timedelta(days=1)
    assert len({one.id for one in after}) == len(after)


async def test_two_ledgers_never_give_the_same_id() -> None:
    """A ledger that was begun anew knows nothing of the ids of the first."""
    stores = FakeCollectionStore(), FakeCollectionStore()
    for store in stores:
        await Collections(store, FrozenClock(NOW)).record(["a"])

    assert stores[0].records["a"].id != stores[1].records["a"].id


async def test_what_is_new_is_told_once() -> None:
    store = FakeCollectionStore()
    collections = Collections(store, FrozenClock(NOW))
    await collections.record(["a"])

    (event,) = await told(collections)
    again = await told(collections)
    await collections.record(["a", "b"])
    (later,) = await told(collections)

    assert again == []
    assert (event.collection, event.record) == ("a", store.records["a"])
    assert event.id == f"collection.changed:{event.record.id}:1"
    assert later.record.name == "b"


async def test_what_the_bus_did_not_take_is_told_again_as_the_same() -> None:
    collections = Collections(FakeCollectionStore(), FrozenClock(NOW))
    await collections.record(["a"])
    steps = collections.resume()
    (lost,) = await anext(steps)
    await steps.aclose()

    (event,) = await told(collections)

    assert event.id == lost.message_id


async def test_pages_follow_one_another_and_the_last_says_so() -> None:
    collections = Collections(FakeCollectionStore(), FrozenClock(NOW))
    names = ["a", "b", "c", "d", "e"]
    await collections.record(names)

    pages = [await collections.page(ListCollections(limit=2))]
    while (after := pages[-1].next_after) is not None:
        pages.append(await collections.page(ListCollections(limit=2, after=after)))
    whole = await collections.page(ListCollections(limit=5))

    assert [[one.name for one in page.items] for page in pages] == [["a", "b"], ["c", "d"], ["e"]]
    assert [one.name for one in whole.items] == names
    assert whole.next_after is None
    assert (await Collections(FakeCollectionStore(), FrozenClock(NOW)).page(ListCollections())
        ).items == ()  # fmt: skip


async def test_one_is_found_by_its_name() -> None:
    collections = Collections(FakeCollectionStore(), FrozenClock(NOW))
    await collections.record(["a", "b"])

    assert [one.name for one in await listed(collections, name="b")] == ["b"]
    assert await listed(collections, name="c") == []


async def test_a_list_that_is_known_is_told_to_be_so(store: DeletionStore) -> None:
    collections = Collections(store, FrozenClock(NOW))
    await collections.record(["a"])
    first = await collections.page(ListCollections())
    known = ListCollections(known=first.revision)

    same = await collections.page(known)
    assert (same.items, same.is_unchanged, same.revision) == ((), True, first.revision)

    changes = (
        collections.record(["b"]),
        collections.rename("a", Rename(title="Ä")),
        store.withdraw_collection(first.items[0].id),
    )
    other = first
    for change in changes:
        await change
        other = await collections.page(known)
        assert not other.is_unchanged
        known = ListCollections(known=other.revision)
        assert (await collections.page(known)).is_unchanged
    assert [one.name for one in other.items] == ["b"]


async def test_who_waits_for_a_change_is_answered_at_once(
    store: DeletionStore,
) -> None:
    collections = Collections(store, FrozenClock(NOW))
    first = await collections.page(ListCollections())
    waiting = asyncio.ensure_future(
        collections.page(ListCollections(known=first.revision, wait_s=30))
    )
    await asyncio.sleep(0.05)
    assert not waiting.done()

    await collections.record(["a"])
    assert [one.name for one in (await waiting).items] == ["a"]
    again = ListCollections(known=(await waiting).revision, wait_s=0.01)
    assert (await collections.page(again)).is_unchanged

    last = asyncio.ensure_future(collections.page(again.model_copy(update={"wait_s": 3600})))
    await asyncio.sleep(0)
    collections.close()
    assert (await last).is_unchanged


async def test_a_revision_is_of_one_start_only(store: DeletionStore) -> None:
    before = await Collections(store, FrozenClock(NOW)).page(ListCollections())
    after = Collections(store, FrozenClock(NOW))

    assert not (await after.page(ListCollections(known=before.revision))).is_unchanged
