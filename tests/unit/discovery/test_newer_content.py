"""A source changes while a version of it is on its way: one version is coming at a time."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.found import SourceToRead
from services.discovery.handlers.postponed import Postponed
from services.discovery.handlers.source_locks import SourceLocks
from shared.contracts.batches import BatchDescriptor, decode
from shared.contracts.writing import SettledBatch, WritingSettled
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import NOW, final, iteration, log, looked, stat
from tests.unit.discovery.test_loops import ID, Signals, World
from tests.waiting import until

OLD, NEW = log(iteration(1, "old"), final()), log(iteration(1, "new"), final())
GROWN = OLD + log(final(8, "more"))


@pytest.fixture
def world() -> World:
    return World()


def sent(world: World) -> list[BatchDescriptor]:
    """Take what was sent since the last call."""
    found = [decode(one.body).descriptor for one in world.publisher.sent if one.body[:1] != b"{"]
    world.publisher.sent.clear()
    return found


async def change(world: World, content: bytes) -> list[int]:
    """Give the source a content and look; return the versions of what is sent for that."""
    world.repository.put("a.jsonl", content)
    await world.scanning.scan("default", None)
    return [one.source_version for one in sent(world)]


async def settle(world: World, batches: Sequence[BatchDescriptor]) -> None:
    told = tuple(
        SettledBatch(
            batch_id=one.batch_id, source_id=one.source_id, source_version=one.source_version,
            verdict="stored", records=one.records, checksum="0" * 32,
        )
        for one in batches
    )  # fmt: skip
    event = WritingSettled(
        id=WritingSettled.id_of(*(one.batch_id for one in batches)), collection="default",
        occurred_at=NOW, batches=told, dataset_version=1,
    )  # fmt: skip
    await world.publisher.publish_steps(world.events.settled([event]))


async def first(world: World) -> list[BatchDescriptor]:
    """Have a version on its way; return its batches."""
    world.repository.put("a.jsonl", OLD)
    await world.scanning.scan("default", None)
    return sent(world)


@pytest.mark.parametrize(("content", "version"), [(NEW, 2), (GROWN, 1)], ids=["other", "grown"])
async def test_a_newer_content_is_read_as_soon_as_what_is_on_its_way_has_ended(
    world: World, content: bytes, version: int
) -> None:
    coming = await first(world)

    assert await change(world, content) == []
    assert await change(world, content) == []
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(world.scanning.look_again(world.events.postponed))
        world.scanning.serve({"default"})
        following = group.create_task(world.scanning.run(Signals()))
        await settle(world, coming)
        (batch,) = await until(lambda: sent(world))
        looking.cancel()
        following.cancel()

    assert batch.source_version == version
    assert world.store.sources[ID].status == "dispatched"


async def test_it_is_not_even_opened_before(world: World) -> None:
    await first(world)
    world.repository.opened.clear()

    await change(world, NEW)

    assert world.repository.opened == []


async def test_every_version_ends_of_a_source_that_changes_all_the_time(world: World) -> None:
    coming, ended = await first(world), []

    for number in range(20):
        await change(world, log(iteration(1, f"the {number}th"), final()))
        if number % 3 == 0:
            await settle(world, coming)
            ended.append(world.store.sources[ID].source_version)
            assert world.store.sources[ID].status == "completed"
            await world.scanning.scan("default", await world.events.postponed.take())
            coming = sent(world)

    assert ended == [1, 2, 3, 4, 5, 6, 7]


async def test_it_takes_the_place_of_one_that_has_to_be_read_again(world: World) -> None:
    await first(world)
    await change(world, NEW)

    await world.recovering.recover()

    assert [one.source_version for one in sent(world)] == [2]


async def test_it_does_not_wait_for_what_is_replayed_of_a_version(world: World) -> None:
    coming = await first(world)
    await settle(world, coming)
    row = world.store.sources[ID]
    changed = replace(row, status="dispatched", completed_at=None, replays=1)
    world.store.sources[ID] = changed

    assert await change(world, NEW) == [2]


async def test_another_source_that_ends_does_not_have_it_looked_at(world: World) -> None:
    await first(world)
    world.repository.put("b.jsonl", OLD)
    await world.scanning.scan("default", None)
    other = sent(world)
    await change(world, NEW)

    await settle(world, other)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await world.events.postponed.take()


async def test_all_that_have_ended_are_looked_at_together() -> None:
    postponed = Postponed()
    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        postponed.wait(stat(name))

    for name in ("a.jsonl", "b.jsonl"):
        postponed.end([stat(name).source_id])

    assert await postponed.take() == {stat("a.jsonl").path, stat("b.jsonl").path}


class TooLate(Postponed):
    """Waits only when the version has just ended."""

    def __init__(self, store: FakeStateStore) -> None:
        super().__init__()
        self._store = store

    def wait(self, stat: SourceStat, *, on: str | None = None) -> None:
        row = self._store.sources[on or stat.source_id]
        self._store.sources[stat.source_id] = replace(row, status="completed", completed_at=NOW)


async def test_one_that_ends_before_that_is_waited_for_is_looked_at(world: World) -> None:
    await first(world)
    world.repository.put("a.jsonl", NEW)

    locks = SourceLocks(TooLate(world.store))
    (found,) = await looked(world.repository, world.store, locks=locks)

    assert isinstance(found, SourceToRead)
    assert found.source_version == 2
