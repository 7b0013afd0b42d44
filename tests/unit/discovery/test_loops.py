"""What discovery does by itself, with a bus that is a list."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import repeat

import numpy as np
import pytest

from services.discovery.domain.ledger import CommandRef, Commit
from services.discovery.domain.sources import FolderUnreadable
from services.discovery.handlers.examine import SMALL_BYTES
from services.discovery.handlers.forget import forget
from services.discovery.handlers.ledger import LedgerKeeper
from services.discovery.handlers.recovery import LostBatchRecovery
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.handlers.turns import WINDOW, Room
from services.discovery.loops.first_looks import FirstLooks
from services.discovery.loops.recovering import RecoveryLoop
from services.discovery.loops.scanning import AT_ONCE, Asked, ScanLoop
from shared.bus.messages.outgoing import Outgoing
from shared.bus.publishing.publisher import Publisher
from shared.clock import SystemClock
from shared.contracts.batches import MAX_RECORDS, Batch, decode
from shared.contracts.sources import SourceForgotten
from shared.contracts.writing import WritingSettled
from shared.errors import ConfigurationError, TransientError
from shared.vector_checksum import vector_checksum
from shared.waits import WAITS
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import NOW, FrozenClock, final, iteration, log, stat
from tests.waiting import PATIENCE_S, until

ID = stat("a.jsonl").source_id
LONG = log(*(iteration(n) for n in range(3 * MAX_RECORDS)), final(999))


class FakePublisher(Publisher):
    """Keeps what is sent; takes no batch while ``full``, and fails after ``breaks_after``."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.full = asyncio.Event()
        self.freed = asyncio.Event()
        self.waiting = 0
        self.breaks_after = 99
        self.groups: list[int] = []

    async def publish_all(self, messages: Iterable[Outgoing]) -> int:
        messages = list(messages)
        self.groups.append(len(messages))
        for message in messages:
            if len(self.sent) >= self.breaks_after:
                raise TransientError("cut off")
            if message.channel.family == "discovery.batch" and self.full.is_set():
                self.waiting += 1
                await self.freed.wait()
            self.sent.append(message)
        return len(self.sent)

    @property
    def batches(self) -> list[tuple[int, int]]:
        """Version and index of the batches that were sent."""
        found = [decode(one.body).descriptor for one in self.sent if one.body[:1] != b"{"]
        return [(one.source_version, one.index) for one in found]

    def families(self) -> list[str]:
        return [message.channel.family for message in self.sent]


class FakeTurns:
    """Makes busy what is to be, once ``go`` is set, and notes which wanted to be."""

    def __init__(self) -> None:
        self.used: list[str] = []
        self.busy: set[str] = set()
        self.go = asyncio.Event()
        self.go.set()

    def is_busy(self, name: str) -> bool:
        return name in self.busy

    @asynccontextmanager
    async def using(self, name: str, *, is_patient: bool) -> AsyncIterator[None]:
        assert is_patient
        self.used.append(name)
        if name not in self.busy:
            await self.go.wait()
        yield


class World:
    def __init__(self) -> None:
        self.repository = FakeSourceRepository()
        self.store = FakeStateStore()
        self.publisher = FakePublisher()
        self.changed = asyncio.Event()
        events = self.events = LedgerKeeper(self.store, FrozenClock(), self.changed)
        self.scanner = SourceScanner(
            repository=self.repository,
            store=self.store,
            events=events,
            room=Room(self._on_the_bus),
            clock=FrozenClock(),
        )
        self.turns = FakeTurns()
        self.scanning = ScanLoop(
            self.scanner, self.publisher, self.turns, FirstLooks(SystemClock())
        )
        self.under_way = iter(())
        """Messages between discovery and the dataset, look by look; none when that is over."""
        self.births = "first"
        self.asked = set[str]()
        """Of which collections it was asked what is on its way."""
        self.waiting = Counter[str]()
        """How many batches of each collection wait on the bus."""
        recovery = LostBatchRecovery(
            "default",
            self.store,
            self.scanner.epochs,
            in_flight=self._in_flight,
            births=self._births,
        )
        self.recovering = RecoveryLoop(recovery, self.publisher, self.scanning.scan, self.changed)

    async def _in_flight(self, collection: str) -> int:
        self.asked.add(collection)
        return next(self.under_way, 0)

    async def _births(self, _collection: str) -> str:
        return self.births

    async def _on_the_bus(self, collection: str) -> int:
        return self.waiting[collection]

    def ids(self) -> list[tuple[str, str]]:
        """Message id and batch id of each batch that was sent since the last call."""
        batches = [one for one in self.publisher.sent if one.body[:1] != b"{"]
        self.publisher.sent.clear()
        return [(one.message_id, decode(one.body).descriptor.batch_id) for one in batches]

    async def forget(self, key: str = "k") -> Batch:
        wish = CommandRef(key, f"c-{key}")
        locks = self.scanner.locks
        batch = await forget("default", "a.jsonl", wish, store=self.store, locks=locks)
        assert isinstance(batch, Batch)
        return batch

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Have the looker stand in the middle of a source, since the bus is full."""
        self.repository.put("a.jsonl", LONG)
        self.repository.put("b.jsonl", log(final()))
        self.publisher.full.set()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.scanning.scan("default", None))
            await until(lambda: self.publisher.waiting == 2)
            yield
            self.publisher.full.clear()
            self.publisher.freed.set()


@pytest.fixture
def world() -> World:
    return World()


async def test_a_folder_that_cannot_be_read_is_told_until_it_can_be(world: World) -> None:
    world.repository.unlisted.append(FolderUnreadable("default", "/fake/d", "Permission denied"))
    await world.scanning.scan("default", None)
    told = (await until(WAITS.told))[0]
    await world.scanning.scan("default", frozenset([world.repository.path("a.jsonl")]))
    still, named = WAITS.told(), world.scanner.passed_over("default")
    world.repository.unlisted.clear()
    await world.scanning.scan("default", None)

    assert (told["what"], told["reason"]) == ("reading folders", "/fake/d: Permission denied")
    assert still == [told]
    assert [one.path for one in named] == ["/fake/d"]
    assert (WAITS.told(), world.scanner.passed_over("default")) == ([], [])


async def test_what_is_found_is_read_to_its_end(world: World) -> None:
    world.repository.put("a.jsonl", LONG)

    await world.scanning.scan("default", None)
    assert world.publisher.batches == [(1, 0), (1, 1), (1, 2), (1, 3)]
    assert world.store.sources[ID].status == "dispatched"
    assert world.scanner.has_looked("default")


async def test_a_source_that_is_to_be_forgotten_is_not_read_to_its_end(world: World) -> None:
    async with world.reading(), asyncio.TaskGroup() as group:
        wish = group.create_task(world.forget())
        await until(lambda: world.scanner.locks.is_contested(ID))
        assert not wish.done()
        world.publisher.full.clear()
        world.publisher.freed.set()

    names = [decode(one.body).descriptor for one in world.publisher.sent if one.body[:1] != b"{"]
    assert {(one.filename, one.index) for one in names} == {("a.jsonl", 0), ("b.jsonl", 0)}
    assert wish.result().descriptor.source_version == 2
    assert world.store.sources[ID].status == "dispatched"


async def test_a_command_about_another_source_need_not_wait_for_the_reading(
    world: World,
) -> None:
    world.repository.put("c.jsonl", log(final()))
    await world.scanning.scan("default", None)
    async with world.reading():
        wish = CommandRef("k", "c")
        async with asyncio.timeout(PATIENCE_S):
            batch = await forget(
                "default", "c.jsonl", wish, store=world.store, locks=world.scanner.locks
            )

    assert isinstance(batch, Batch)


async def test_what_a_crash_kept_from_being_sent_is_sent_at_start(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    await world.scanning.scan("default", None)
    batch = await world.forget()
    world.publisher.sent.clear()

    await world.recovering.resume()
    (sent,) = world.publisher.sent
    assert decode(sent.body).descriptor == batch.descriptor
    assert sent.message_id == f"discovery:{batch.descriptor.batch_id}"


async def test_the_account_of_a_source_that_is_gone_closes_without_what_was_lost(
    world: World,
) -> None:
    """Killed after a batch was noted, before it was sent; then the file was deleted."""
    world.repository.put("a.jsonl", LONG)
    await world.scanning.scan("default", None)
    await world.store.requeue(ID)
    await world.store.fail(stat("a.jsonl"), "went away", NOW)
    before = world.store.sources[ID]
    assert (before.status, before.in_flight) == ("failed", before.seen)
    assert before.in_flight > 0

    world.under_way = repeat(1)
    await world.recovering.recover()
    assert world.store.sources[ID].in_flight, "it may be on its way"
    world.under_way = iter(())
    world.changed.clear()
    sent = {batch_id for _, batch_id in world.ids()}
    await world.recovering.recover()

    after = world.store.sources[ID]
    assert (after.status, after.seen, after.in_flight) == ("failed", 0, 0)
    assert world.changed.is_set()
    (told,) = world.publisher.sent
    settled = WritingSettled.model_validate_json(told.body)
    assert {one.batch_id for one in settled.batches} == sent
    nothing = ("refused", 0, vector_checksum(np.zeros((0, 0), np.float32)))
    assert {(one.verdict, one.records, one.checksum) for one in settled.batches} == {nothing}


async def test_what_the_bus_has_lost_is_sent_again_and_never_read_again(world: World) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        world.repository.put(name, log(final()))
    await world.scanning.scan("default", None)
    await world.forget()
    world.publisher.sent.clear()
    world.repository.opened.clear()

    await world.recovering.recover()
    found = [decode(one.body).descriptor for one in world.publisher.sent if one.body[:1] != b"{"]
    assert [(one.filename, one.is_forgotten) for one in found] == [
        ("a.jsonl", True),
        ("b.jsonl", False),
    ]
    assert set(world.repository.opened) == {"b.jsonl"}


@pytest.mark.parametrize("looks", [[1], [0, 1], [0, 0, 1]])
async def test_while_anything_is_on_its_way_nothing_is_lost(
    world: World, looks: list[int]
) -> None:
    world.repository.put("a.jsonl", log(final()))
    await world.scanning.scan("default", None)
    world.publisher.sent.clear()
    world.under_way = iter(looks)

    await world.recovering.recover()
    assert world.publisher.sent == []

    await world.recovering.recover()
    assert world.publisher.sent != []


async def test_what_a_new_consumer_may_lack_is_sent_again_once_while_records_come(
    world: World,
) -> None:
    world.under_way = repeat(7)
    world.repository.put("a.jsonl", log(final()))
    await world.recovering.recover()
    await world.scanning.scan("default", None)
    ((first_id, batch_id),) = world.ids()
    await world.recovering.recover()
    assert world.ids() == []

    world.births = "second"
    await world.recovering.recover()
    ((again_id, same_batch_id),) = world.ids()
    assert (first_id, same_batch_id) == (f"discovery:{batch_id}", batch_id)
    assert again_id.startswith(f"{first_id}:@")

    world.repository.put("b.jsonl", log(final()))
    await world.scanning.scan("default", None)
    ((later_id, _),) = world.ids()
    await world.recovering.recover()
    assert world.ids() == []
    assert ":@" not in later_id


async def test_what_could_not_be_sent_again_is_tried_again(world: World) -> None:
    world.under_way = repeat(7)
    world.repository.put("a.jsonl", log(final()))
    await world.recovering.recover()
    await world.scanning.scan("default", None)
    await world.forget()
    world.ids()
    world.births = "second"
    world.publisher.breaks_after = 0
    with pytest.raises(TransientError):
        await world.recovering.recover()

    world.publisher.breaks_after = 99
    await world.recovering.recover()
    ((message_id, _),) = world.ids()
    assert ":@" in message_id


async def test_what_was_half_read_when_a_consumer_was_made_is_sent_again(world: World) -> None:
    world.under_way = repeat(7)
    await world.recovering.recover()
    async with world.reading():
        world.births = "second"
        await world.recovering.recovery.find()
    world.ids()

    await world.recovering.recover()
    sent = world.ids()
    assert len(sent) == len(world.store.batches)
    assert all(":@" in message_id for message_id, _ in sent)
    await world.recovering.recover()
    assert world.ids() == []


async def test_a_doubt_outlives_a_crash_until_all_is_finished(world: World) -> None:
    world.under_way = repeat(7)
    world.repository.put("a.jsonl", log(final()))
    await world.recovering.recover()
    await world.scanning.scan("default", None)
    world.births = "second"
    await world.recovering.recover()
    assert await world.store.births("default") == "first"

    ((batch, (_, account)),) = world.store.batches.items()
    await world.store.apply_committed([Commit(batch, ID, 1, account.records)], NOW)
    await world.recovering.recover()
    assert await world.store.births("default") == "second"


async def test_a_crash_between_two_answers_loses_neither(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    await world.scanning.scan("default", None)
    await world.forget("1")
    batch = await world.forget("2")
    await world.store.apply_committed([Commit(batch.descriptor.batch_id, ID, 2, 0)], NOW)
    world.publisher.sent.clear()
    world.publisher.breaks_after = 1
    with pytest.raises(TransientError):
        await world.publisher.publish_steps(world.events.resume())
    world.publisher.breaks_after = 99

    await world.publisher.publish_steps(world.events.resume())
    answers = [SourceForgotten.model_validate_json(one.body) for one in world.publisher.sent]
    assert [one.correlation_id for one in answers] == ["c-1", "c-1", "c-2"]
    assert answers[0] == answers[1]
    assert await world.store.unannounced() == []


async def test_letters_are_sent_and_noted_in_groups(world: World) -> None:
    """One by one, each would wait for the bus and for the disk."""
    world.publisher.breaks_after = 10_000
    world.repository.put("a.jsonl", log(*[b"oops"] * 1_500, final()))

    await world.scanning.scan("default", None)

    letters = world.publisher.families().count("dead.discovery")
    assert letters == 1_001
    assert [count for count in world.publisher.groups if count > 1] == [256, 256, 256, 233]
    assert world.store.sources[ID].dead == 1_500


class Signals:
    """Says when to look, as a test wants it."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[frozenset[str] | None] = asyncio.Queue()

    def renew(self) -> None:
        raise NotImplementedError

    async def signals(self) -> AsyncGenerator[frozenset[str] | None]:
        while True:
            yield await self.queue.get()


@asynccontextmanager
async def following(world: World, *names: str) -> AsyncIterator[Signals]:
    """Follow collections, with another one that has one large and one small source."""
    trigger = Signals()
    text = log(*(iteration(n, "x" * SMALL_BYTES) for n in range(3)), final(999))
    for name, content in (("large.jsonl", text), ("small.jsonl", log(final()))):
        world.repository.put(name, content)
        found = world.repository.stat(name)
        world.repository.extra.append(replace(found, collection="other"))
    world.scanning.serve(names)
    tasks = [asyncio.ensure_future(world.scanning.run(trigger))]
    await asyncio.sleep(0)
    try:
        yield trigger
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def dispatched(world: World, collection: str) -> list[str]:
    rows = world.store.sources.values()
    return sorted(
        row.filename for row in rows if row.collection == collection and row.status == "dispatched"
    )


async def test_a_collection_that_stands_still_holds_up_no_other(world: World) -> None:
    world.waiting["default"] = WINDOW
    async with following(world, "default", "other") as trigger:
        trigger.queue.put_nowait(None)
        await until(lambda: world.scanner.has_looked("other"))
        assert dispatched(world, "other") == ["large.jsonl", "small.jsonl"]
        assert dispatched(world, "default") == []
        assert not world.scanner.has_looked("default")

        world.waiting["default"] = 0
        await until(lambda: world.scanner.has_looked("default"))
    assert dispatched(world, "default") == ["large.jsonl", "small.jsonl"]


async def test_what_changed_during_a_look_is_looked_at_by_the_next(world: World) -> None:
    world.waiting["default"] = WINDOW
    async with following(world, "default") as trigger:
        trigger.queue.put_nowait(None)
        await until(lambda: len(world.store.sources) == 1)
        world.repository.put("later.jsonl", log(final()))
        for name in ("later.jsonl", "nowhere.jsonl"):
            trigger.queue.put_nowait(frozenset([world.repository.path(name)]))
        await until(trigger.queue.empty)
        world.waiting["default"] = 0
        await until(lambda: "later.jsonl" in dispatched(world, "default"))


async def test_a_collection_that_is_taken_up_later_is_looked_at_then(world: World) -> None:
    async with following(world) as trigger:
        trigger.queue.put_nowait(None)
        await until(trigger.queue.empty)
        world.scanning.serve({"default"})
        await until(lambda: world.scanner.has_looked("default"))
        await world.scanning.leave("default")
        assert not world.scanner.has_looked("default")


async def test_what_is_made_while_discovery_ends_is_left_to_the_next_start(world: World) -> None:
    """Its consumers finish what they have in hand when the looks have ended."""
    async with following(world) as trigger:
        trigger.queue.put_nowait(None)
        await until(trigger.queue.empty)
    world.scanning.serve({"late"})

    assert not world.scanning.is_looking


async def test_a_collection_is_busy_before_a_source_is_opened_and_not_for_a_look(
    world: World,
) -> None:
    world.turns.go.clear()
    async with following(world, "default") as trigger:
        trigger.queue.put_nowait(None)
        await until(lambda: world.turns.used == ["default"])
        await asyncio.sleep(0.02)
        assert world.repository.opened == []
        world.turns.go.set()
        await until(lambda: dispatched(world, "default") == ["large.jsonl", "small.jsonl"])
        await until(lambda: world.scanner.has_looked("default"))
        assert world.turns.used == ["default"]

        await world.scanning.scan("default", None)
        assert world.turns.used == ["default"]


async def test_one_that_waits_for_its_turn_holds_up_none_that_is_busy(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    names = [f"waits{number}" for number in range(AT_ONCE)]
    for name in names:
        found = world.repository.stat("a.jsonl")
        other = replace(found, collection=name, path=f"/fake/{name}/a.jsonl")
        world.repository.extra.append(other)
    world.turns.busy.add("default")
    world.turns.go.clear()
    async with following(world, *names) as trigger:
        trigger.queue.put_nowait(None)
        await until(lambda: len(world.turns.used) == AT_ONCE)
        world.scanning.serve({"default"})
        await until(lambda: "a.jsonl" in dispatched(world, "default"))


async def test_two_files_of_a_name_in_a_collection_that_was_made_later_are_told(
    world: World,
) -> None:
    """At the start they are a mistake of the configuration, and end the process."""
    world.repository.put("a.jsonl", log(final()))
    twin = replace(world.repository.stat("a.jsonl"), path="/fake/other/a.jsonl", inode=99)
    world.repository.extra.append(twin)
    with pytest.raises(ConfigurationError):
        await world.scanning.scan("default", None)

    trigger = Signals()
    running = asyncio.ensure_future(world.scanning.run(trigger))
    trigger.queue.put_nowait(None)
    await until(trigger.queue.empty)
    world.scanning.serve({"default"})
    await until(lambda: world.scanner.passed_over("default"))
    await world.scanning.leave("default")
    running.cancel()
    await asyncio.wait([running])


async def test_a_source_that_waits_for_room_is_given_up_to_who_wants_it(world: World) -> None:
    world.repository.put("a.jsonl", LONG)
    world.waiting["default"] = WINDOW
    async with asyncio.TaskGroup() as group:
        group.create_task(world.scanning.scan("default", None))
        await until(lambda: ID in world.store.sources)
        batch = await world.forget()

    assert batch.descriptor.source_version == 2
    assert world.publisher.batches == []
    assert world.store.sources[ID].seen == 0


async def test_what_the_bus_lost_of_one_is_found_while_another_stands_still(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    await world.scanning.scan("default", None)
    world.publisher.sent.clear()
    world.waiting["other"] = WINDOW

    await world.recovering.recover()
    assert world.asked == {"default"}
    assert world.publisher.batches == [(1, 0)]


def test_a_look_at_everything_stays_one_whatever_is_asked_for_after_it() -> None:
    asked = Asked()
    asked.ask(frozenset("a"))
    asked.ask(frozenset("b"))
    assert asked.take() == (frozenset("ab"), b"")

    asked.ask(None, b"seen")
    assert asked.take() == (None, b"seen")
    asked.ask(None, b"seen")
    asked.ask(frozenset("a"))
    assert asked.take() == (None, b"")
    assert asked.take() == (frozenset(), b"")
    assert not asked.is_wanted


async def test_what_was_put_off_is_looked_at_when_its_version_has_ended(world: World) -> None:
    async with following(world, "default") as trigger:
        trigger.queue.put_nowait(None)
        await until(lambda: world.scanner.has_looked("default"))
        world.repository.put("later.jsonl", log(final()))
        later = world.repository.stat("later.jsonl")
        postponed = world.events.postponed
        looking = asyncio.ensure_future(world.scanning.look_again(postponed))
        postponed.wait(later)
        postponed.end([later.source_id])
        await until(lambda: "later.jsonl" in dispatched(world, "default"))
        looking.cancel()
        await asyncio.wait([looking])
