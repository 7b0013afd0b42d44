"""When the public files are written: as their share of time allows, or as nobody is kept waiting.

The clock stands still unless a test moves it, so nothing here depends on how fast it runs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from services.writing.domain.budget import SnapshotBudget
from services.writing.loops import MovingLoop, SnapshotLoop
from services.writing.ports import PublishedFiles, Snapshot
from services.writing.subscribers.collection import CollectionShell
from shared.bus.messages.outgoing import Outgoing
from shared.contracts.projection import ProjectionModel
from tests.fakes.clock import FrozenClock
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.fakes.output_writer import FakeOutputWriter
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


class Told:
    """Takes what is published."""

    async def publish(self, message: Outgoing) -> int:
        del message
        return 1


class World:
    """One collection with files that are slow to write."""

    def __init__(self, *, quiet: float) -> None:
        self.clock = FrozenClock()
        self.store = FakeDatasetStore()
        self.models = FakeModelArchive()
        self.output = SlowWriter(self.clock)
        self.is_idle = True
        self.looks = 0
        self.shell = CollectionShell(
            "default",
            store=self.store,
            models=self.models,
            handover=cast("Any", None),  # nothing is retracted here
            clock=self.clock,
        )
        self._loop = SnapshotLoop(
            "default",
            store=self.store,
            models=self.models,
            output=self.output,
            freshness=self.shell.freshness,
            budget=SnapshotBudget(quiet=quiet),
            publisher=cast("Any", Told()),
            clock=self.clock,
            moving=MovingLoop(self.shell),
            is_idle=self._look,
        )

    async def _look(self) -> bool:
        self.looks += 1
        return self.is_idle

    async def append(self, name: str) -> None:
        await self.models.save(model(1))
        await write(piece(name), store=self.store, models=self.models)
        self.shell.freshness.want()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the files were written once."""
        task = asyncio.ensure_future(self._loop.run())
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
        await world.shell.accept(newer)
        assert not world.shell.freshness.waived.is_set(), "the files would show the old map"
        await world.shell.move()
        await world.until(lambda: world.output.writings == 2)

    files = await world.output.published()
    assert files
    assert (files.model_version, world.clock.monotonic()) == (2, 2 * TOOK_S)


async def test_who_asks_for_a_model_that_is_there_already_is_not_kept_waiting() -> None:
    world = World(quiet=1)
    await world.append("a")
    asked = model(1).model_copy(update={"reason": "command"})

    await world.shell.accept(asked)
    await world.shell.move()

    assert world.shell.freshness.waived.is_set()


async def test_an_automatic_fit_does_not_jump_the_queue() -> None:
    world = World(quiet=1)
    await world.append("a")

    await world.shell.accept(model(2))
    await world.shell.move()

    assert world.shell.freshness.wanted.is_set()
    assert not world.shell.freshness.waived.is_set()
