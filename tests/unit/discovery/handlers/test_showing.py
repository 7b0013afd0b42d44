"""When a version is shown whose batches waited for each other."""

from services.discovery.domain.ledger import Commit, SourceRecord
from services.discovery.domain.segments import ContentHash
from services.discovery.handlers.accounts import announced, settled, source_failed
from services.discovery.handlers.epochs import Epochs
from services.discovery.handlers.recovery import LostBatchRecovery, to_read
from shared.bus.messages.outgoing import Outgoing, Steps
from shared.contracts.batches import Batch, decode
from shared.contracts.sources import SourceFailed
from shared.contracts.writing import SettledAs, SettledBatch, WritingSettled
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import END, NOW, RULES, FrozenClock, stat

A = stat("a.jsonl")
NO_CHECKSUM = "0" * 32


def news(verdict: SettledAs, *batch_ids: str, records: int = 2) -> WritingSettled:
    return WritingSettled(
        id=WritingSettled.id_of(verdict, *batch_ids),
        collection="default",
        occurred_at=NOW,
        batches=tuple(
            SettledBatch(
                batch_id=one,
                source_id=A.source_id,
                source_version=1,
                verdict=verdict,
                records=records,
                checksum=NO_CHECKSUM,
            )
            for one in batch_ids
        ),
        dataset_version=1,
    )


async def waiting() -> FakeStateStore:
    """Have all of a version wait but one batch."""
    store = FakeStateStore()
    await store.begin_version(A, ContentHash("f1"), RULES, NOW)
    for one in ("b0", "b1"):
        await store.record_batch(one, A.source_id, 1, 2)
    await store.finish_reading(A.source_id, 1, END, NOW)
    assert await settled([news("staged", "b0")], store, FrozenClock()) == []
    return store


async def test_the_last_batch_of_a_version_that_waits_has_it_shown() -> None:
    store = await waiting()

    (batch,) = await settled([news("staged", "b1")], store, FrozenClock())

    assert isinstance(batch, Batch)
    facts = batch.descriptor
    assert (facts.shows, facts.can_wait, facts.records, len(batch)) == (True, False, 0, 0)
    assert (facts.source_id, facts.source_version) == (A.source_id, 1)
    await announced(batch, store)


async def test_what_was_not_sent_before_a_crash_is_sent_at_the_start() -> None:
    store = await waiting()
    (batch,) = await settled([news("staged", "b1")], store, FrozenClock())

    (again,) = await sent(recovery(store).resume())

    assert isinstance(batch, Batch)
    assert decode(bytes(again.body)).descriptor == batch.descriptor


async def test_what_the_bus_has_lost_is_sent_again_and_nothing_is_read_for_it() -> None:
    store = await waiting()
    (batch,) = await settled([news("staged", "b1")], store, FrozenClock())
    lost = await store.unfinished()

    (again,) = await sent(recovery(store).recover(lost))

    assert isinstance(batch, Batch)
    facts = decode(bytes(again.body)).descriptor
    assert facts.batch_id == batch.descriptor.batch_id
    assert facts.epoch > 0
    assert to_read(lost) == []


async def test_a_version_that_has_grown_since_is_read_as_well() -> None:
    store = await waiting()
    await settled([news("staged", "b1")], store, FrozenClock())
    await store.record_batch("b2", A.source_id, 1, 1)

    lost: list[SourceRecord] = await store.unfinished()

    assert to_read(lost) == lost


async def test_it_is_completed_by_being_shown() -> None:
    store = await waiting()
    (batch,) = await settled([news("staged", "b1")], store, FrozenClock())
    assert isinstance(batch, Batch)
    shown = Commit(batch.descriptor.batch_id, A.source_id, 1, 0)
    stored = [Commit(one, A.source_id, 1, 2) for one in ("b0", "b1")]

    (row,) = await store.apply_committed([*stored, shown], NOW)

    assert (row.status, row.mapped) == ("completed", 4)


def recovery(store: FakeStateStore) -> LostBatchRecovery:
    async def nothing(_collection: str) -> int:
        return 0

    async def births(_collection: str) -> None:
        return None

    return LostBatchRecovery(
        "default", store, Epochs(FrozenClock()), in_flight=nothing, births=births
    )


async def sent(steps: Steps) -> list[Outgoing]:
    return [one async for step in steps for one in step]


async def failing() -> tuple[FakeStateStore, Batch]:
    """Have a part of a second version wait when its source fails; return what tells of that."""
    store = FakeStateStore()
    await store.begin_version(A, ContentHash("f1"), RULES, NOW)
    await store.finish_reading(A.source_id, 1, END, NOW)
    await store.begin_version(A, ContentHash("f2"), RULES, NOW)
    await store.record_batch("b0", A.source_id, 2, 2)
    await store.apply_committed([Commit("b0", A.source_id, 2, 2, is_staged=True)], NOW)
    told, batch = await source_failed(A, "went away", store, FrozenClock())
    assert isinstance(told, SourceFailed)
    assert isinstance(batch, Batch)
    return store, batch


async def test_a_source_that_fails_while_a_part_waits_has_that_put_aside() -> None:
    _, batch = await failing()

    facts = batch.descriptor
    assert (facts.source_version, facts.records, len(batch)) == (3, 0, 0)
    assert (facts.can_wait, facts.is_whole, facts.shows, facts.is_forgotten) == (
        True, False, False, False,
    )  # fmt: skip


async def test_what_puts_a_version_aside_is_sent_until_that_is_settled() -> None:
    store, batch = await failing()
    (at_start,) = await sent(recovery(store).resume())
    (when_lost,) = await sent(recovery(store).recover(await store.unfinished()))

    done = Commit(batch.descriptor.batch_id, A.source_id, 3, 0, is_staged=True)
    assert await store.apply_committed([done], NOW) == []
    after = await sent(recovery(store).resume())

    assert decode(bytes(at_start.body)).descriptor == batch.descriptor
    assert decode(bytes(when_lost.body)).descriptor.epoch > 0
    assert after == []
    assert to_read(await store.list_sources()) == []
