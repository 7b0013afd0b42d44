"""Forgetting, as a source lives through it. A crash is a step that is left out and done again."""

import asyncio

import pytest

from services.discovery.domain.ledger import CommandRef
from services.discovery.domain.sources import batch_id
from services.discovery.handlers.accounts import (
    announced,
    batch_read,
    dead_lettered,
    settled,
    source_read,
    unannounced,
)
from services.discovery.handlers.bare_batches import forgetting_batch
from services.discovery.handlers.examine import SMALL_BYTES
from services.discovery.handlers.forget import Rejected, forget, rejected
from services.discovery.handlers.found import Found, SourceToRead
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.scan import scan
from services.discovery.handlers.source_locks import SourceLocks
from shared.contracts.batches import RECORD_SCHEMA, Batch, decode, encode
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.sources import SourceForgotten
from shared.errors import TransientError
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import (
    NOW,
    FrozenClock,
    end_of,
    final,
    iteration,
    log,
    looked,
    read_all,
    stat,
)
from tests.unit.discovery.handlers.test_accounts import commit_of
from tests.waiting import until

CLOCK = FrozenClock()
ID = stat("a.jsonl").source_id
CONTENT = log(iteration(), final())


class World:
    def __init__(self) -> None:
        self.repository = FakeSourceRepository()
        self.store = FakeStateStore()
        self.locks = SourceLocks()
        self.asked = 0

    async def look(self) -> list[Found]:
        return await looked(self.repository, self.store, locks=self.locks)

    async def ingest(self) -> list[Batch]:
        """Look, and read what is found to its end."""
        batches = []
        for source in await self.look():
            assert isinstance(source, SourceToRead)
            for piece in await read_all(source, self.repository):
                assert isinstance(piece, Batch)
                await batch_read(piece.descriptor, self.store)
                batches.append(piece)
            await source_read(ID, source.source_version, end_of(source), self.store, CLOCK)
        return batches

    async def complete(self, content: bytes = CONTENT) -> Batch:
        self.repository.put("a.jsonl", content)
        (batch,) = await self.ingest()
        await self.commit(batch)
        return batch

    async def commit(self, batch: Batch, *, is_told: bool = True) -> list:
        """Let the dataset tell that it holds a batch."""
        one = batch.descriptor
        events = await settled([commit_of(one)], self.store, CLOCK)
        for ended in events if is_told else ():
            await announced(ended, self.store)
        return events

    async def forget(self, source: str = "a.jsonl", wish: CommandRef | None = None) -> object:
        self.asked += 1
        wish = wish or CommandRef(f"key-{self.asked}", f"c{self.asked}")
        return await forget("default", source, wish, store=self.store, locks=self.locks)

    async def forgotten(self, *, is_told: bool = True) -> list:
        batch = await self.forget()
        assert isinstance(batch, Batch)
        return await self.commit(batch, is_told=is_told)

    def status(self) -> str:
        return self.store.sources[ID].status


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("source", ["a.jsonl", ID])
async def test_forgetting_is_an_empty_batch_of_a_new_version(world: World, source: str) -> None:
    old = (await world.complete()).descriptor

    batch = await world.forget(source)
    assert isinstance(batch, Batch)
    one = batch.descriptor
    assert one.batch_id == batch_id("default", ID, 2, old.fingerprint, 0)
    assert (one.source_version, one.fingerprint) == (2, old.fingerprint)
    assert (one.index, one.is_last, one.records, one.is_forgotten) == (0, True, 0, True)
    assert (one.collection, one.filename, one.source_id) == ("default", "a.jsonl", ID)
    received = decode(encode(batch))
    assert (len(received), received.descriptor) == (0, one)
    assert received.rows.schema.remove_metadata() == RECORD_SCHEMA


async def test_its_commit_is_the_answer(world: World) -> None:
    await world.complete()

    (event,) = await world.forgotten()
    assert isinstance(event, SourceForgotten)
    assert (event.correlation_id, event.source_version, event.filename) == ("c1", 2, "a.jsonl")
    assert (world.status(), await world.look()) == ("forgotten", [])


async def test_late_news_of_the_older_version_is_no_answer(world: World) -> None:
    old = await world.complete()
    await world.forget()

    assert await world.commit(old) == []
    assert world.status() == "dispatched"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("", "empty"),
        ("b.jsonl", "'b.jsonl'"),
        ("./a.jsonl", "relative to their root"),
        ("x" * 9999, "x…'"),
        ("a\0b'\"\\\n💡", "💡"),
        ("waiting.jsonl", "no records yet"),
    ],
)
async def test_what_cannot_be_forgotten_is_explained(
    world: World, source: str, reason: str
) -> None:
    world.repository.put("waiting.jsonl", log(iteration()))
    await world.complete()
    before = dict(world.store.sources)

    answer = await world.forget(source)
    assert isinstance(answer, Rejected)
    assert reason in answer.reason
    assert len(answer.reason) < 500
    assert answer.is_unknown == (source not in ("", "waiting.jsonl"))
    assert world.store.sources == before


async def test_a_source_of_another_collection_is_unknown(world: World) -> None:
    await world.complete()

    wish = CommandRef("k", "c")
    answer = await forget("other", ID, wish, store=world.store, locks=world.locks)
    assert isinstance(answer, Rejected)


async def test_a_filename_counts_before_an_id(world: World) -> None:
    await world.complete()
    world.repository.put(ID, CONTENT)
    await world.ingest()

    batch = await world.forget(ID)
    assert isinstance(batch, Batch)
    assert batch.descriptor.filename == ID


async def test_the_answer_to_a_refused_command_has_the_id_of_its_message() -> None:
    one, again, other = (
        rejected("default", "command", Rejected("why", is_unknown=True), wish, NOW)
        for wish in (CommandRef("1@t", "c"), CommandRef("1@t", "c"), CommandRef("2@t", "c"))
    )

    assert one == again
    assert one.id != other.id
    assert (one.correlation_id, one.reason, one.is_unknown) == ("c", "why", True)


async def test_who_wishes_while_it_is_being_forgotten_is_answered_too(world: World) -> None:
    await world.complete()
    first = await world.forget()
    second = await world.forget()
    assert isinstance(first, Batch)
    assert isinstance(second, Batch)
    assert first.descriptor == second.descriptor

    events = await world.commit(first)
    assert [event.correlation_id for event in events] == ["c1", "c2"]
    assert len({event.id for event in events}) == 2


async def test_who_wishes_when_it_is_forgotten_is_answered_at_once(world: World) -> None:
    await world.complete()
    (first,) = await world.forgotten()

    again = await world.forget()
    assert isinstance(again, SourceForgotten)
    assert (again.correlation_id, again.source_version) == ("c2", 2)
    assert again.id != first.id


async def test_a_redelivered_command_gets_the_same_answer(world: World) -> None:
    await world.complete()
    (first,) = await world.forgotten()

    assert await world.forget(wish=CommandRef("key-1", "c1")) == first


async def test_a_forgotten_source_stays_away_when_it_is_touched(world: World) -> None:
    await world.complete()
    await world.forgotten()
    for _ in range(2):
        world.repository.touch("a.jsonl")

        assert await world.look() == []
    assert world.status() == "forgotten"


async def test_a_source_stays_away_when_it_is_touched_while_it_is_forgotten(
    world: World,
) -> None:
    await world.complete()
    batch = await world.forget()
    world.repository.touch("a.jsonl")
    assert await world.look() == []

    assert isinstance(batch, Batch)
    assert len(await world.commit(batch)) == 1
    assert await world.look() == []
    assert world.status() == "forgotten"


async def test_a_changed_source_comes_back(world: World) -> None:
    await world.complete()
    await world.forgotten()

    batch = await world.complete(log(final(1), final(2), final(3)))
    assert (batch.descriptor.source_version, batch.descriptor.is_forgotten) == (3, False)
    assert (world.status(), world.store.sources[ID].mapped) == ("completed", 3)


async def test_a_source_that_grows_comes_back_when_it_is_complete(world: World) -> None:
    await world.complete()
    await world.forgotten()
    world.repository.put("a.jsonl", CONTENT + log(iteration(10)))
    assert await world.look() == []

    assert (await world.complete(CONTENT + log(final(10)))).descriptor.source_version == 3


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_content_that_comes_meanwhile_waits_until_the_answer_is_given(
    world: World, *, is_told: bool
) -> None:
    await world.complete()
    batch = await world.forget()
    world.repository.put("a.jsonl", log(final(), final()))
    assert await world.look() == []
    assert isinstance(batch, Batch)
    events = await world.commit(batch, is_told=is_told)

    found = await world.look()
    assert len(found) == is_told
    assert await unannounced(world.store, CLOCK) == ([] if is_told else events)


async def test_a_command_that_comes_again_after_all_that_does_no_harm(world: World) -> None:
    await world.complete()
    await world.forgotten()
    await world.complete(log(final(1)))

    assert await world.forget(wish=CommandRef("key-1", "c1")) is None
    assert world.status() == "completed"


async def test_the_same_correlation_id_may_be_used_again(world: World) -> None:
    await world.complete()
    await world.forgotten()
    await world.complete(log(final(1)))

    assert isinstance(await world.forget(wish=CommandRef("another", "c1")), Batch)


async def test_an_unreadable_source_can_be_forgotten_and_does_not_fail_again(
    world: World,
) -> None:
    await world.complete()
    world.repository.touch("a.jsonl")
    world.repository.unreadable.add("a.jsonl")
    assert len(await world.look()) == 1
    assert world.status() == "failed"

    assert len(await world.forgotten()) == 1
    assert await world.look() == []
    assert world.status() == "forgotten"


async def test_what_an_unreadable_source_became_meanwhile_is_read_once_it_can_be(
    world: World,
) -> None:
    await world.complete()
    world.repository.put("a.jsonl", log(final(7)))
    world.repository.unreadable.add("a.jsonl")
    await world.look()
    await world.forgotten()
    world.repository.unreadable.clear()

    (found,) = await world.look()
    assert isinstance(found, SourceToRead)
    assert found.source_version == 3


async def test_a_source_whose_file_is_gone_can_be_forgotten(world: World) -> None:
    await world.complete()
    world.repository.remove("a.jsonl")

    assert len(await world.forgotten()) == 1
    assert await world.look() == []


async def test_a_source_whose_reading_was_cut_off_is_forgotten_and_not_read(
    world: World,
) -> None:
    world.repository.put("a.jsonl", CONTENT)
    (found,) = await world.look()
    assert isinstance(found, SourceToRead)

    assert len(await world.forgotten()) == 1
    assert await world.look() == []


async def test_a_crash_before_the_batch_is_sent_is_mended_by_sending_it(world: World) -> None:
    await world.complete()
    lost = await world.forget()
    assert isinstance(lost, Batch)

    (source,) = await world.store.unfinished()
    assert source.is_forgotten
    assert forgetting_batch(source).descriptor == lost.descriptor
    assert not await world.store.requeue(ID)


async def test_a_crash_before_the_answer_is_mended_at_start(world: World) -> None:
    await world.complete()
    events = await world.forgotten(is_told=False)

    assert await unannounced(world.store, CLOCK) == events


async def test_the_death_of_the_batch_is_no_answer(world: World) -> None:
    await world.complete()
    batch = await world.forget()
    assert isinstance(batch, Batch)
    letter = DeadLetter(
        key="k",
        stage="embedding",
        collection="default",
        reason="",
        body=b"",
        records=0,
        source_id=ID,
        source_version=2,
        batch_id=batch.descriptor.batch_id,
    )

    assert await dead_lettered([letter], world.store, CLOCK) == []
    assert world.status() == "dispatched"


async def test_a_full_ledger_disk_is_told_and_nothing_has_changed(world: World) -> None:
    await world.complete()
    world.store.failures = 1

    with pytest.raises(TransientError):
        await world.forget()
    assert world.status() == "completed"
    assert isinstance(await world.forget(), Batch)


async def test_a_source_that_is_being_looked_at_is_waited_for(world: World) -> None:
    await world.complete()
    world.repository.put("a.jsonl", log(final(1)))
    wishes = []

    async def take(source: Found) -> None:
        assert isinstance(source, SourceToRead)
        wishes.append(asyncio.ensure_future(world.forget()))
        await until(lambda: world.locks.is_contested(ID))
        assert not wishes[0].done()
        await source_read(ID, source.source_version, end_of(source), world.store, CLOCK)

    await scan(
        world.repository,
        world.store,
        CLOCK,
        take=take,
        options=ScanOptions("default"),
        locks=world.locks,
    )
    batch = await wishes[0]
    assert isinstance(batch, Batch)
    assert batch.descriptor.source_version == 3


async def test_a_look_does_not_take_a_source_for_what_it_was_before_it_was_forgotten(
    world: World,
) -> None:
    """The ledger is asked about many sources together, long before the last is looked at."""
    world.repository.put("0.jsonl", CONTENT)
    world.repository.put("a.jsonl", b"\n" * SMALL_BYTES + CONTENT)  # large ones come last
    world.repository.portion_bytes = 1 << 20
    assert len(await world.look()) == 2
    found = []

    async def take(source: Found) -> None:
        assert isinstance(source, SourceToRead)
        found.append(source.stat.filename)
        assert len(await world.forgotten()) == 1

    await scan(
        world.repository,
        world.store,
        CLOCK,
        take=take,
        options=ScanOptions("default"),
        locks=world.locks,
    )
    assert found == ["0.jsonl"]
    assert world.status() == "forgotten"
