"""A collection is made by command: once, with an id of its own, and whole or not at all."""

import pytest

from services.discovery.handlers.collections import PAGE_BYTES, Collections
from services.discovery.handlers.creation import Creation
from services.discovery.handlers.forget import Rejected
from shared.contracts.collections import (
    MAX_DESCRIPTION,
    MOST_SOURCES,
    CollectionRecord,
    ListCollections,
)
from shared.contracts.commands import Create, NamedSource
from shared.errors import TransientError
from tests.fakes.clock import FrozenClock
from tests.fakes.collection_store import FakeCollectionStore
from tests.fakes.named_folders import FakeNamedFolders
from tests.unit.discovery.builders import NOW

FOLDER = Create(sources=(NamedSource(path="/data/a", glob="*.jsonl"),))


class World:
    """Makes collections, and notes which were begun."""

    def __init__(self) -> None:
        self.store = FakeCollectionStore()
        self.folders = FakeNamedFolders()
        self.begun: list[str] = []
        self.failures: list[Exception] = []
        self.records = Collections(self.store, FrozenClock(NOW))
        self.creation = Creation(
            self.records, self.store, self.folders, FrozenClock(NOW), self.begin
        )

    async def begin(self, record: CollectionRecord) -> None:
        if self.failures:
            raise self.failures.pop()
        self.begun.append(record.name)


async def test_what_is_not_said_is_what_the_name_says() -> None:
    world = World()

    made = await world.creation.create("new", Create(), "command-1")

    assert isinstance(made, CollectionRecord)
    assert (made.name, made.title, made.description) == ("new", "new", "")
    assert (made.kind, made.origin, made.state, made.revision) == ("logs", "command", "active", 1)
    assert (made.created_at, made.sources) == (NOW, ())
    assert world.store.records == {"new": made}
    assert await world.store.untold_collections() == []  # the answer tells of it


async def test_a_command_that_comes_again_goes_on_with_what_it_began() -> None:
    """The folder is not asked for again: it was admitted, and may be gone by now."""
    world = World()
    world.failures = [TransientError("the bus is away")]
    with pytest.raises(TransientError):
        await world.creation.create("new", FOLDER, "command-1")
    world.folders.admit = None  # type: ignore[assignment,method-assign]

    made = await world.creation.create("new", FOLDER, "command-1")
    again = await world.creation.create("new", FOLDER, "command-1")

    assert made == again == world.store.records["new"]
    assert world.begun == ["new", "new"]


@pytest.mark.parametrize("is_configured", [True, False])
async def test_a_name_is_given_once(is_configured: bool) -> None:
    world = World()
    if is_configured:
        await world.records.record(["new"])
    else:
        await world.creation.create("new", Create(), "command-1")
    (known,) = world.store.records.values()
    begun = [*world.begun]

    refused = await world.creation.create("new", Create(title="mine"), "command-2")

    assert refused == Rejected("there is a collection 'new' already; choose another name")
    assert world.store.records == {"new": known}
    assert world.begun == begun


async def test_those_that_commands_made_are_served_and_of_the_others_the_configured() -> None:
    world = World()
    await world.records.record(["a", "b"])
    await world.creation.create("c", Create(), "command-1")

    served = await world.records.served(["b"])

    assert [one.name for one in served] == ["b", "c"]


async def test_a_page_of_long_descriptions_fits_into_a_message() -> None:
    world = World()
    long = "/" + "\u0001" * 1023
    wish = Create(
        description="\u0001" * MAX_DESCRIPTION, sources=(NamedSource(path=long),) * MOST_SOURCES
    )
    for number in range(400):
        record = CollectionRecord(
            id=f"{number}",
            name=f"{number:03}",
            title="t",
            description=wish.description,
            revision=1,
            created_at=NOW,
            sources=wish.sources,
        )
        await world.store.create_collection(record, "x")

    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await world.records.page(ListCollections(after=after))
        assert len(page.model_dump_json()) < PAGE_BYTES + 1000
        found += (one.name for one in page.items)
        after = page.next_after

    assert found == sorted(world.store.records)
