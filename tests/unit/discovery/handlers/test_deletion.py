"""A collection is deleted in an order that a kill at any step cannot spoil."""

from typing import Any

import pytest

from services.discovery.domain.ledger import CommandRef
from services.discovery.handlers.collections import Collections
from services.discovery.handlers.creation import Creation
from services.discovery.handlers.deletion import LATE, Deletion
from services.discovery.handlers.forget import Rejected
from shared.contracts.collections import CollectionRecord
from shared.contracts.commands import Create
from shared.errors import ConfigurationError, TransientError
from tests.fakes.clock import FrozenClock
from tests.fakes.collection_store import FakeCollectionStore
from tests.fakes.named_folders import FakeNamedFolders
from tests.fakes.remains import FakeRemains
from tests.unit.discovery.builders import NOW

REF = CommandRef("command-1", "wish-1")


class World:
    """Deletes collections, and notes in which order what is done."""

    def __init__(self, **failures: int) -> None:
        self.clock = FrozenClock(NOW)
        self.store = FakeCollectionStore()
        self.remains = FakeRemains(**failures)
        self.records = Collections(self.store, self.clock)
        self.told: list[Any] = []
        self.deletion = Deletion(
            self.records, self.store, self.remains, self.clock,
            configured=["default"], leave=self.leave,
        )  # fmt: skip

    async def leave(self, name: str) -> None:
        self.remains.done.append(f"left {name}")

    async def wanted(self, name: str, ref: CommandRef = REF) -> CollectionRecord:
        record = await self.deletion.want(name, ref)
        assert isinstance(record, CollectionRecord)
        return record

    async def carry_out(self, record: CollectionRecord) -> None:
        async for messages in self.deletion.carry_out(record):
            self.told += messages


async def made(world: World, name: str = "a") -> CollectionRecord:
    creation = Creation(world.records, world.store, FakeNamedFolders(), world.clock, begin)
    record = await creation.create(name, Create(), f"made-{name}")
    assert isinstance(record, CollectionRecord)
    return record


async def begin(_: CollectionRecord) -> None:
    """It is taken up."""


async def test_everybody_is_without_it_before_anything_of_it_goes_and_who_asked_is_told_last() -> (
    None
):
    world = World()
    record = await made(world)
    world.store.rows["a"] = 5000

    await world.carry_out(await world.wanted("a"))

    assert world.remains.done == [
        "left a", "purge a", f"leave_stages {record.id}", "remove_consumers a", "purge a",
        "purge a",
    ]  # fmt: skip
    assert world.store.rows == {}
    assert [one.channel.family for one in world.told] == ["collection.changed"] * 2
    assert [b'"deleting"' in one.body for one in world.told] == [True, False]
    assert b'"deleted"' in world.told[1].body
    assert [b"wish-1" in one.body for one in world.told] == [False, True]


async def test_the_rows_are_there_until_the_messages_are_not() -> None:
    """After a kill, what is still to be taken away is known from the record alone."""
    world = World()
    await made(world)
    world.store.rows["a"] = 1
    seen: list[tuple[str, bool, str]] = []
    world.remains.when = lambda step: seen.append(
        (step, "a" in world.store.rows, world.store.records["a"].state)
    )

    await world.carry_out(await world.wanted("a"))

    assert seen == [
        ("purge", True, "deleting"),
        ("leave_stages", True, "deleting"),
        ("remove_consumers", True, "deleting"),
        ("purge", True, "deleting"),
        ("purge", False, "deleting"),
    ]


@pytest.mark.parametrize("step", ["leave_stages", "remove_consumers", "purge"])
async def test_what_fails_is_done_again_from_the_start(step: str) -> None:
    world = World(**{step: 2})
    await made(world)
    record = await world.wanted("a")
    for _ in range(2):
        with pytest.raises(TransientError, match="not yet"):
            await world.carry_out(record)
        assert world.store.records["a"].state == "deleting"

    await world.carry_out(record)

    assert world.store.records["a"].state == "deleted"
    assert world.remains.done[-1] == "purge a"


async def test_once_it_is_deleted_nothing_more_is_taken_away() -> None:
    """What was told of it would go: an answer that nobody has read yet."""
    world = World()
    await made(world)
    record = await world.wanted("a")
    await world.carry_out(record)
    done = [*world.remains.done]
    world.store.told.clear()

    await world.carry_out(record)

    assert world.remains.done == done
    assert b'"deleted"' in world.told[-1].body


async def test_all_who_wanted_it_are_answered_by_one_event() -> None:
    world = World()
    await made(world)
    record = await world.wanted("a")
    await world.wanted("a")
    await world.wanted("a", CommandRef("command-2", "wish-2"))

    await world.carry_out(record)

    (told,) = [one for one in world.told if b'"deleted"' in one.body]
    assert b'"correlation_id":"wish-1","also_answers":["wish-2"]' in told.body


async def test_one_that_cannot_be_deleted_is_refused_with_what_helps() -> None:
    world = World()
    await world.records.record(["default"])
    await made(world)
    await world.carry_out(await world.wanted("a"))

    configured = await world.deletion.want("default", REF)
    unknown = await world.deletion.want("unknown", REF)
    before = await world.deletion.want("a", CommandRef("command-2", "wish-2"))

    assert isinstance(configured, Rejected)
    assert "take it out of 'collections'" in configured.reason
    assert unknown == Rejected("there is no collection 'unknown'; see: mapstream collections list")
    assert isinstance(before, Rejected)
    assert f"'a' was deleted at {NOW.isoformat()}" in before.reason


async def test_its_name_is_given_to_nobody_else() -> None:
    world = World()
    creation = Creation(world.records, world.store, FakeNamedFolders(), world.clock, begin)
    await made(world)
    record = await world.wanted("a")
    meanwhile = await creation.create("a", Create(), "command-3")
    again = await creation.create("a", Create(), "made-a")
    await world.carry_out(record)
    afterwards = await creation.create("a", Create(), "command-4")

    for refused, what in ((meanwhile, "is being"), (again, "is being"), (afterwards, "was")):
        assert isinstance(refused, Rejected)
        assert f"{what} deleted, and its name is never used again" in refused.reason


async def test_the_configuration_cannot_bring_it_back() -> None:
    world = World()
    await made(world)
    record = await world.wanted("a")
    with pytest.raises(ConfigurationError, match="collections: 'a' is being deleted"):
        await world.records.record(["default", "a"])
    await world.carry_out(record)

    with pytest.raises(ConfigurationError, match="out of ingestion"):
        await world.records.record(["a"])
    assert [one.name for one in await world.records.served(["a", "default"])] == ["default"]


async def test_what_comes_late_is_taken_away_for_a_while() -> None:
    world = World()
    await made(world)
    await world.carry_out(await world.wanted("a"))

    await world.deletion.take_late()
    world.clock.advance(LATE.total_seconds() + 1)
    await world.deletion.take_late()

    assert world.remains.done.count("purge_late a") == 1
