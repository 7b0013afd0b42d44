"""Collections become busy with their work, and rest when it is done: in which order, and when."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import pytest

from services.discovery.handlers import busy as busy_module
from services.discovery.handlers.busy import BusyCollections
from services.discovery.handlers.places import FRESH_S, TOGETHER
from shared.contracts.collections import CollectionRecord
from shared.errors import ConfigurationError, TransientError
from tests.fakes.clock import FrozenClock
from tests.fakes.collection_store import FakeCollectionStore
from tests.fakes.consumers import FakeConsumers, FakeRestStore
from tests.unit.discovery.builders import NOW
from tests.waiting import until

REST_S = 30.0
WOKEN = ["row of a goes", "make a", "take up a"]
RESTED = ["leave a", "remove a", "row of a comes"]


class Store(FakeRestStore, FakeCollectionStore):
    def __init__(self, done: list[str], names: Iterable[str]) -> None:
        FakeCollectionStore.__init__(self)
        FakeRestStore.__init__(self, done)
        for name in names:
            self.records[name] = CollectionRecord(
                id=name, name=name, title=name, revision=1, created_at=NOW, origin="command"
            )
            self.resting.add(name)


class World:
    """Some collections that rest; what is done to them is noted in order."""

    def __init__(self, *names: str, most: int = 200) -> None:
        self.done: list[str] = []
        self.store = Store(self.done, names)
        self.consumers = FakeConsumers(self.done)
        self.clock = FrozenClock()
        self.busy = BusyCollections(
            self.store,
            self.consumers,
            self.clock,
            configured=("default",),
            rest_after_s=REST_S,
            most=most,
        )
        self.is_ready = asyncio.Event()
        self.is_ready.set()
        self.busy.begin(self)
        self.on_leave: Callable[[], object] = lambda: None
        """What happens while discovery leaves."""

    def take_up(self, collection: str) -> "World":
        self.done.append(f"take up {collection}")
        return self

    async def leave(self, collection: str) -> None:
        self.done.append(f"leave {collection}")
        self.on_leave()

    async def use(self, name: str, *, is_patient: bool = False) -> None:
        async with self.busy.using(name, is_patient=is_patient):
            assert name in self.consumers.made, "published to a stream without its readers"

    async def look(self, after_s: float = REST_S + 1) -> None:
        self.clock.advance(after_s)
        await self.busy.look()

    def taken(self) -> list[str]:
        done = [*self.done]
        self.done.clear()
        return done


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busy_module, "POLL_S", 0.001)


@asynccontextmanager
async def looking(world: World) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.ensure_future(world.look())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_consumers_are_there_before_anybody_is_told_and_its_row_is_not() -> None:
    world = World("a")
    revision = str(world.busy.revision)

    await world.use("a")

    assert world.taken() == WOKEN
    assert world.busy.names == ["a"]
    assert [one.name for one in world.busy.listed] == ["a"]
    assert str(world.busy.revision) != revision
    await world.use("a")
    assert world.taken() == []


async def test_nothing_is_sent_before_discovery_is_ready_for_it() -> None:
    """What is sent says by which ledger, and that is found out first."""
    world = World("a")
    world.is_ready.clear()
    using = [asyncio.ensure_future(world.use("a")) for _ in range(2)]
    await until(lambda: world.busy.names == ["a"])
    await asyncio.sleep(0.01)
    assert not any(one.done() for one in using)

    world.is_ready.set()
    for one in using:
        await one


async def test_it_rests_when_all_is_settled_for_a_while_and_its_row_comes_last() -> None:
    world = World("a")
    await world.use("a")
    world.taken()

    await world.look(after_s=REST_S - 1)
    assert world.taken() == []
    world.store.unsettled.add("a")
    await world.look()
    world.store.unsettled.clear()
    await world.look(after_s=REST_S - 1)
    assert world.taken() == []

    await world.look(after_s=2)
    assert world.taken() == RESTED
    assert world.busy.names == world.busy.listed == []
    await world.look()
    assert world.taken() == []
    await world.use("a")
    assert world.taken() == WOKEN


async def test_those_of_the_configuration_never_rest() -> None:
    world = World("default")
    await world.use("default")
    await world.look()
    assert world.store.resting == set()
    assert world.busy.names == ["default"]


@pytest.mark.parametrize("what", ["a message", "a reader", "a record"])
async def test_it_is_busy_again_while_anything_is_left(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy_module, "LEAVING_S", 0.5)
    world = World("a")
    await world.use("a")
    world.taken()
    if what == "a message":
        world.consumers.messages["a"] = 1
    elif what == "a reader":
        world.consumers.readers["a"] = {"writing"}
    else:
        world.on_leave = lambda: world.store.unsettled.add("a")
    async with looking(world):
        await until(lambda: world.busy.names == [])
        await until(lambda: world.consumers.looks > 5)
        assert "remove a" not in world.done
        assert ("leave a" in world.done) == (what == "a record"), "it leaves last"
        world.clock.advance(1)
        await until(lambda: world.busy.names == ["a"])
    assert world.consumers.made == {"a"}
    assert world.taken()[-1] == "take up a"


async def test_what_passes_between_two_looks_is_seen() -> None:
    """A message that was in the second consumer at the first look may be in the first again."""
    world = World("a")
    await world.use("a")
    world.taken()
    world.consumers.moves["a"] = 4

    await world.look()

    assert world.consumers.looks >= 6
    assert world.taken() == RESTED


@pytest.mark.parametrize("when", ["before", "while discovery leaves"])
async def test_one_that_is_wanted_meanwhile_stays_as_it_is(when: str) -> None:
    world = World("a")
    await world.use("a")
    world.taken()
    if when == "before":
        async with world.busy.using("a"):
            await world.look()
    else:
        using = []
        world.on_leave = lambda: using.append(asyncio.ensure_future(world.use("a")))
        await world.look()
        await using[0]

    assert world.consumers.made == {"a"}
    assert world.busy.names == ["a"]
    assert "remove a" not in world.done
    await world.use("a")


async def test_one_that_is_wanted_while_its_consumers_go_has_others_then() -> None:
    world = World("a")
    await world.use("a")
    world.taken()
    world.store.failures = 1
    with pytest.raises(TransientError):
        await world.look()
    assert world.taken() == ["leave a", "remove a"]

    await world.use("a")
    assert world.taken() == WOKEN
    await world.look()
    assert world.taken() == RESTED


async def test_what_could_not_be_removed_is_removed_by_the_next_look() -> None:
    world = World("a")
    await world.use("a")
    world.store.failures = 1
    with pytest.raises(TransientError):
        await world.look()
    await world.look(after_s=REST_S + 1)
    assert world.store.resting == {"a"}


async def test_a_look_that_ends_early_leaves_it_busy() -> None:
    world = World("a")
    await world.use("a")
    world.consumers.messages["a"] = 1
    async with looking(world) as task:
        await until(lambda: world.busy.names == [])
        task.cancel()
        await asyncio.wait([task])
    assert world.busy.names == ["a"]
    assert world.done[-1] == "take up a"


async def test_consumers_that_cannot_be_made_are_made_later() -> None:
    world = World("a")
    world.consumers.failures = [ConfigurationError("maximum consumers limit reached")]
    with pytest.raises(TransientError, match="maximum consumers"):
        await world.use("a")
    assert world.busy.names == []
    assert world.store.resting == set()

    await world.use("a")
    assert world.busy.names == ["a"]


async def test_who_is_not_there_or_is_being_deleted_is_never_busy() -> None:
    world = World("a")
    world.store.records["a"] = world.store.records["a"].model_copy(update={"state": "deleting"})
    for name in ("a", "nobody"):
        async with world.busy.using(name):
            assert world.done == []
    assert world.busy.names == []


async def test_the_others_wait_their_turn_and_a_command_does_not() -> None:
    world = World("a", "b", "c", "d", most=2)
    await world.use("a", is_patient=True)
    await world.use("b", is_patient=True)
    world.store.unsettled.add("b")
    third = asyncio.ensure_future(world.use("c", is_patient=True))
    await asyncio.sleep(0.01)
    assert not third.done()
    await world.use("d")
    assert world.busy.names == ["a", "b", "d"]

    await world.look(after_s=1)
    await third
    assert world.busy.names == ["b", "c"]


async def test_few_begin_together_unless_those_before_wait_for_something_else() -> None:
    names = [f"c{number}" for number in range(TOGETHER + 2)]
    world = World(*names)
    for name in names[:TOGETHER]:
        await world.use(name, is_patient=True)
        world.store.unsettled.add(name)
    waiting = [asyncio.ensure_future(world.use(name, is_patient=True)) for name in names[-2:]]
    await until(lambda: world.busy.are_awaited)
    await asyncio.sleep(0.01)
    assert not any(one.done() for one in waiting)

    world.store.unsettled.discard("c0")
    await world.look(after_s=1)
    await waiting[0]
    assert "c0" not in world.busy.names
    await asyncio.sleep(0.01)
    assert not waiting[1].done()
    world.clock.advance(FRESH_S)
    await waiting[1]
    assert not world.busy.are_awaited


async def test_one_that_is_deleted_meanwhile_is_not_worked_on_again() -> None:
    world = World("a", "b", most=1)
    await world.use("a", is_patient=True)
    waiting = asyncio.ensure_future(world.use("b", is_patient=True))
    world.consumers.messages["a"] = 1
    async with looking(world):
        await until(lambda: world.busy.names == [])
        world.taken()
        await world.busy.end("a")
    await waiting
    assert world.busy.names == ["b"]
    assert world.taken() == ["row of b goes", "make b", "take up b"]


async def test_what_was_busy_before_the_start_goes_on() -> None:
    world = World("a", most=1)
    world.consumers.made.add("a")
    world.busy.go_on([world.store.records["a"]])
    assert world.busy.names == ["a"]
    await world.use("a")
    assert world.taken() == []
    await world.look()
    assert world.taken() == RESTED
