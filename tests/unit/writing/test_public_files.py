"""When the public files are written: as their share of time allows, or as nobody is kept waiting.

The clock stands still unless a test moves it, so nothing here depends on how fast it runs.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from services.writing.domain.budget import SnapshotBudget
from services.writing.handlers.public_files import PublicFiles
from services.writing.handlers.writer import Writer
from services.writing.loops import keep_files_fresh
from services.writing.ports import PublishedFiles, Snapshot
from shared.bus.messages.outgoing import Outgoing
from shared.bus.publishing.publisher import Publisher
from shared.contracts.projection import ProjectionModel
from shared.contracts.writing import WritingPublished
from shared.errors import TransientError
from tests.fakes.clock import FrozenClock
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.fakes.output_writer import FakeOutputWriter
from tests.fakes.staging import FakeStaging
from tests.unit.writing.scenes import model, piece, write

TOOK_S = 40.0


class SlowWriter(FakeOutputWriter):
    """Takes its time, on the clock of the test."""

    def __init__(self, clock: FrozenClock) -> None:
        super().__init__()
        self._clock = clock

    async def write(
        self, snapshot: Snapshot, *, collection: str, model: ProjectionModel | None
    ) -> PublishedFiles:
        self._clock.advance(TOOK_S)
        return await super().write(snapshot, collection=collection, model=model)


class Bin(Publisher):
    """Takes what is published."""

    def __init__(self) -> None:
        """Need no bus."""

    async def publish_all(self, messages: Iterable[Outgoing]) -> int:
        return len([*messages])


class Away(Publisher):
    """A bus that is not there."""

    def __init__(self) -> None:
        """Need no bus."""

    async def publish_all(self, messages: Iterable[Outgoing]) -> int:
        raise TransientError(f"the bus is away; {len([*messages])} wait")


class World:
    """One collection with files that are slow to write."""

    def __init__(self, *, quiet: float) -> None:
        self.clock = FrozenClock()
        self.store = FakeDatasetStore()
        self.models = FakeModelArchive()
        self.output = SlowWriter(self.clock)
        self.is_idle = True
        self.looks = 0
        self.writer = Writer(
            "default",
            store=self.store,
            staging=FakeStaging(),
            models=self.models,
            handover=cast("Any", None),  # nothing is retracted here
            clock=self.clock,
        )
        self.files = PublicFiles(
            self.writer,
            store=self.store,
            models=self.models,
            output=self.output,
            budget=SnapshotBudget(quiet=quiet),
            clock=self.clock,
            is_idle=self._look,
        )

    async def _look(self) -> bool:
        self.looks += 1
        return self.is_idle

    async def append(self, name: str) -> None:
        await self.models.save(model(1))
        await write(piece(name), store=self.store, models=self.models)
        self.writer.snapshots.request()

    async def take(self, one: ProjectionModel) -> None:
        await Bin().publish_steps(self.writer.take([one]))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the files were written once."""
        task = asyncio.ensure_future(keep_files_fresh(self.files, Bin()))
        try:
            await self.until(lambda: self.output.writings == 1)
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def until(self, is_so: Any) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                await asyncio.sleep(0.01)


async def test_files_are_written_before_their_share_of_time_when_nothing_else_is_to_be_done() -> (
    None
):
    world = World(quiet=0)

    async with world.running():
        await world.append("a")
        await world.until(lambda: world.output.writings == 2)

    assert world.clock.monotonic() == 2 * TOOK_S


async def test_while_batches_are_on_their_way_files_keep_to_their_share() -> None:
    world = World(quiet=0)
    world.is_idle = False

    async with world.running():
        await world.append("a")
        await world.until(lambda: world.looks > 2)
        assert world.output.writings == 1
        world.clock.advance(9 * TOOK_S)
        await world.until(lambda: world.output.writings == 2)


async def test_a_live_run_has_to_be_quiet_for_as_long_as_writing_takes() -> None:
    """Else each record of a slow trickle would have a large map written anew."""
    world = World(quiet=1)

    async with world.running():
        await world.append("a")
        await asyncio.sleep(0.5)  # some looks
        assert (world.output.writings, world.looks) == (1, 0)
        world.clock.advance(TOOK_S)
        await world.until(lambda: world.output.writings == 2)


@pytest.mark.parametrize("reason", ["command", "rollback"])
async def test_who_waits_for_a_model_gets_the_files_that_show_it_at_once(reason: str) -> None:
    world = World(quiet=1)
    await world.append("a")

    async with world.running():
        newer = model(2).model_copy(update={"reason": reason})
        await world.take(newer)
        assert not world.writer.snapshots.is_urgent.is_set(), "the files would show the old map"
        await world.writer.move()
        await world.until(lambda: world.output.writings == 2)

    files = await world.output.published()
    assert files
    assert (files.model_version, world.clock.monotonic()) == (2, 2 * TOOK_S)


async def test_who_asks_for_a_model_that_is_there_already_is_not_kept_waiting() -> None:
    world = World(quiet=1)
    await world.append("a")
    asked = model(1).model_copy(update={"reason": "command"})

    await world.take(asked)
    await world.writer.move()

    assert world.writer.snapshots.is_urgent.is_set()


async def test_an_automatic_fit_does_not_jump_the_queue() -> None:
    world = World(quiet=1)
    await world.append("a")

    await world.take(model(2))
    await world.writer.move()

    assert world.writer.snapshots.requested.is_set()
    assert not world.writer.snapshots.is_urgent.is_set()


async def test_who_waits_is_not_forgotten_when_the_map_cannot_be_moved_at_once() -> None:
    world = World(quiet=1)
    await world.append("a")
    await world.take(model(2).model_copy(update={"reason": "command"}))
    held = world.models.models.pop(1)

    with pytest.raises(TransientError):
        await world.writer.move()
    assert not world.writer.snapshots.is_urgent.is_set()
    await world.models.save(held)
    await world.writer.move()

    assert world.writer.snapshots.is_urgent.is_set()


async def test_how_far_the_points_have_moved_is_told_once_and_with_their_model() -> None:
    world = World(quiet=1)
    await world.append("a")
    await world.take(model(2))
    await world.writer.move()

    moved = [world.writer.movement_to(version) for version in (1, 2, 2)]
    world.writer.movement_was_told(1)
    still = world.writer.movement_to(2)
    world.writer.movement_was_told(2)

    assert [one and one.points for one in moved] == [None, 2, 2]
    assert still == moved[-1]
    assert world.writer.movement_to(2) is None


async def test_what_could_not_be_told_is_told_by_the_next_turn() -> None:
    """The bus was away, or the process ended: the files are fresh, and nobody knows of them."""
    world = World(quiet=1)
    await world.append("a")
    await world.take(model(2))
    await world.writer.move()
    with pytest.raises(TransientError, match="the bus is away"):
        await Away().publish_steps(world.files.publish())

    told = [step async for step in world.files.publish()]
    again = [step async for step in world.files.publish()]

    assert world.output.writings == 1
    event = WritingPublished.model_validate_json(next(iter(told[0])).body)
    assert (event.records, event.model_version) == (2, 2)
    assert event.movement
    assert again == []
