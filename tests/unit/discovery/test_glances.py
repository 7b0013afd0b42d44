"""What rests is looked at more closely only if a glance says that it is not as it was."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from services.discovery.domain.sources import FolderUnreadable
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.handlers.turns import Room
from services.discovery.loops.first_looks import FirstLooks
from services.discovery.loops.scanning import ScanLoop
from shared.clock import SystemClock
from tests.fakes.clock import FrozenClock
from tests.unit.discovery.builders import final, log, stat
from tests.unit.discovery.test_loops import ID, World, following
from tests.waiting import until

RECHECK = timedelta(hours=24)


class Resting(World):
    """The collection rests, and what is asked for counts looks."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock()
        self.scanner = SourceScanner(
            repository=self.repository,
            store=self.store,
            events=self.events,
            room=Room(self._on_the_bus),
            clock=self.clock,
            options=ScanOptions(recheck_after=RECHECK),
        )
        self.scanning = ScanLoop(
            self.scanner, self.publisher, self.turns, FirstLooks(SystemClock())
        )

    async def looks(self) -> int:
        """Ask for everything; returns how many looks at ``default`` that took."""
        self.repository.listed.clear()
        await self.scanning.look_at_all()
        await until(lambda: not self.scanning.is_looking)
        return self.repository.listed.count("default")


@pytest.fixture
def world() -> Resting:
    return Resting()


@asynccontextmanager
async def at_rest(world: Resting) -> AsyncIterator[None]:
    """Have a collection of one file looked at until there is nothing more to do."""
    world.repository.put("a.jsonl", log(final()))
    async with following(world, "default"):
        while await world.looks():
            pass
        yield


async def test_what_is_as_it_was_is_not_looked_at_again(world: Resting) -> None:
    async with at_rest(world):
        assert await world.looks() == 0

        world.repository.put("b.jsonl", log(final()))
        assert await world.looks() > 0
        assert stat("b.jsonl").source_id in world.store.sources


async def test_what_goes_away_is_seen(world: Resting) -> None:
    async with at_rest(world):
        world.repository.remove("a.jsonl")

        assert await world.looks() > 0
        assert world.store.sources[ID].gone_at is not None


async def test_what_is_busy_is_looked_at_whatever_a_glance_says(world: Resting) -> None:
    async with at_rest(world):
        world.turns.busy.add("default")
        assert await world.looks() > 0

        world.turns.busy.clear()
        while await world.looks():
            pass
        world.scanner.disturb("default")
        assert await world.looks() > 0


async def test_what_could_not_be_seen_is_looked_at_again_and_again(world: Resting) -> None:
    async with at_rest(world):
        world.repository.unlisted.append(FolderUnreadable("default", "/fake/x", "no right"))

        assert await world.looks() > 0
        assert await world.looks() > 0
        world.repository.unlisted.clear()
        assert await world.looks() > 0


async def test_contents_are_compared_though_a_glance_says_nothing(world: Resting) -> None:
    async with at_rest(world):
        world.clock.advance(RECHECK.total_seconds() / 20)
        assert await world.looks() > 0


async def test_what_comes_between_a_glance_and_its_look_is_not_missed(world: Resting) -> None:
    async with at_rest(world):
        world.scanner.disturb("default")
        seen = await world.scanner.differing(["default"])
        world.repository.put("b.jsonl", log(final()))
        await world.scanning.scan("default", None, seen["default"])
        while await world.looks():
            pass

        world.repository.put("c.jsonl", log(final()))
        assert await world.looks() > 0
