"""Sources that stand still are told of once, and again only when they stand still again."""

import asyncio

import pytest

from services.discovery.domain.ledger import Commit
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.stalls import Holder, StageLoad
from services.discovery.handlers.stalls import Loads, StallFinder, StallReport
from shared.contracts.sources import SourceStalled
from shared.errors import TransientError
from tests.fakes.clock import FrozenClock
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import END, NOW, RULES, stat
from tests.unit.discovery.test_loops import FakePublisher

A = stat("a.jsonl")


class World:
    def __init__(self) -> None:
        self.store = FakeStateStore()
        self.publisher = FakePublisher()
        self.clock = FrozenClock()
        self.loads: Loads | None = {"embedding": StageLoad(2, 0)}
        self.changed = asyncio.Event()
        self.report = self.start()

    def start(self) -> StallReport:
        return StallReport(
            finder=StallFinder("default", after_s=60),
            loads=self._loads,
            stalls=self.store,
            clock=self.clock,
            changed=self.changed,
        )

    async def _loads(self) -> Loads | None:
        return self.loads

    async def dispatch(self) -> None:
        version = (await self.store.begin_version(A, ContentHash("f"), RULES, NOW)).number
        for batch in ("b1", "b2"):
            await self.store.record_batch(batch, A.source_id, version, 3)
        await self.store.finish_reading(A.source_id, version, END, NOW)

    async def commit(self, *batches: str) -> None:
        commits = [Commit(batch, A.source_id, 1, 3) for batch in batches]
        await self.store.apply_committed(commits, NOW)

    async def look(self, after_s: float = 0) -> None:
        self.clock.advance(after_s)
        await self.publisher.publish_steps(self.report.look())

    def told(self) -> list[SourceStalled]:
        sent = self.publisher.sent
        return [SourceStalled.model_validate_json(message.body) for message in sent]


@pytest.fixture
async def world() -> World:
    world = World()
    await world.dispatch()
    await world.look()
    return world


async def test_a_stall_is_told_once_with_the_stage_that_holds_it(world: World) -> None:
    began = world.clock.now()
    await world.look(59)
    assert world.told() == []
    await world.look(2)
    await world.look(100)

    (event,) = world.told()
    holder: Holder = "embedding"
    assert (event.filename, event.stage, event.since) == ("a.jsonl", holder, began)
    assert (event.seen, event.mapped, event.dead, event.in_flight) == (6, 0, 0, 6)
    assert world.changed.is_set()


async def test_a_source_that_moves_again_may_stall_again(world: World) -> None:
    await world.look(61)
    await world.commit("b1")
    await world.look(1)
    assert await world.store.stalls("default", 9) == []
    await world.look(61)

    first, second = world.told()
    assert (first.in_flight, second.in_flight) == (6, 3)
    assert first.id != second.id


async def test_a_source_that_is_completed_is_let_go(world: World) -> None:
    await world.look(61)
    await world.commit("b1", "b2")
    await world.look(1)

    assert await world.store.stalls("default", 9) == []
    assert len(world.told()) == 1


async def test_a_restart_does_not_tell_it_again(world: World) -> None:
    await world.look(61)
    world.report = world.start()
    await world.look(1)
    await world.look(100)

    assert len(world.told()) == 1
    assert len(await world.store.stalls("default", 9)) == 1


async def test_what_a_crash_kept_from_being_told_is_told_after_it(world: World) -> None:
    world.publisher.breaks_after = 0
    with pytest.raises(TransientError):
        await world.look(61)
    world.publisher.breaks_after = 99
    world.report = world.start()
    await world.look(1)
    await world.look(1)

    assert len(world.told()) == 1


async def test_while_the_bus_is_away_nobody_stands_still(world: World) -> None:
    world.loads = None
    await world.look(100)
    world.loads = {"embedding": StageLoad(2, 0)}
    await world.look(1)
    await world.look(59)
    assert world.told() == []
    await world.look(2)

    assert len(world.told()) == 1
