"""Which collections there are, and who is told of them."""

from datetime import timedelta

from services.discovery.handlers.collections import Collections
from shared.contracts.collections import CollectionChanged, CollectionRecord, ListCollections
from tests.fakes.clock import FrozenClock
from tests.fakes.collection_store import FakeCollectionStore
from tests.unit.discovery.builders import NOW


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
