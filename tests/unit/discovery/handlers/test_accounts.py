import pytest

from services.discovery.handlers.accounts import (
    announced,
    batch_read,
    dead_lettered,
    settled,
    source_failed,
    source_read,
    unannounced,
)
from services.discovery.handlers.found import SourceToRead
from shared.contracts.batches import BatchDescriptor
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.sources import SourceCompleted
from shared.contracts.writing import SettledAs, SettledBatch, WritingSettled
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

CLOCK = FrozenClock()


async def ingest(store: FakeStateStore, *lines: bytes) -> list[BatchDescriptor]:
    """Read one source and publish it to nowhere."""
    repository = FakeSourceRepository()
    repository.put("a.jsonl", log(*lines))
    (source,) = await looked(repository, store)
    assert isinstance(source, SourceToRead)
    batches = []
    for piece in await read_all(source, repository):
        if isinstance(piece, DeadLetter):
            await dead_lettered([piece], store, CLOCK)
        else:
            await batch_read(piece.descriptor, store)
            batches.append(piece.descriptor)
    assert await source_read(source.stat.source_id, 1, end_of(source), store, CLOCK) == []
    return batches


def commit_of(
    batch: BatchDescriptor, records: int | None = None, verdict: SettledAs = "stored"
) -> WritingSettled:
    one = SettledBatch(
        batch_id=batch.batch_id,
        source_id=batch.source_id,
        source_version=batch.source_version,
        verdict=verdict,
        records=batch.records if records is None else records,
        checksum="0" * 32,
    )
    return WritingSettled(
        id="x", collection="default", occurred_at=NOW, batches=(one,), dataset_version=1
    )


@pytest.fixture
def store() -> FakeStateStore:
    return FakeStateStore()


async def test_a_source_is_completed_by_the_commit_of_its_last_batch(
    store: FakeStateStore,
) -> None:
    (batch,) = await ingest(store, iteration(), b"oops", final())

    (event,) = await settled([commit_of(batch)], store, CLOCK)
    assert isinstance(event, SourceCompleted)
    assert (event.seen, event.mapped, event.dead) == (3, 2, 1)
    assert event.fingerprint == batch.fingerprint


async def test_a_source_without_records_is_completed_by_its_empty_batch(
    store: FakeStateStore,
) -> None:
    (batch,) = await ingest(store, b'{"final_answer": 1}')

    assert len(await settled([commit_of(batch)], store, CLOCK)) == 1


async def test_a_source_is_completed_by_its_last_dead_letter(store: FakeStateStore) -> None:
    (batch,) = await ingest(store, iteration(), final())
    assert await settled([commit_of(batch, 1)], store, CLOCK) == []

    letter = DeadLetter(
        key="r1",
        stage="embedding",
        collection="default",
        reason="poison",
        body=b"",
        source_id=batch.source_id,
        source_version=1,
        batch_id=batch.batch_id,
    )
    (event,) = await dead_lettered([letter], store, CLOCK)
    assert isinstance(event, SourceCompleted)
    assert (event.seen, event.mapped, event.dead) == (2, 1, 1)


async def test_a_redelivered_commit_tells_the_same_event_until_it_is_announced(
    store: FakeStateStore,
) -> None:
    (batch,) = await ingest(store, final())
    first = await settled([commit_of(batch)], store, CLOCK)
    assert await settled([commit_of(batch)], store, CLOCK) == first

    await announced(first[0], store)
    assert await settled([commit_of(batch)], store, CLOCK) == []


async def test_what_a_crash_kept_from_being_told_is_told_at_start(store: FakeStateStore) -> None:
    (batch,) = await ingest(store, final())
    completed = await settled([commit_of(batch)], store, CLOCK)
    failed = await source_failed(stat("b.jsonl"), "no", store, CLOCK)

    assert await unannounced(store, CLOCK) == [*completed, *failed]


async def test_the_same_key_of_two_stages_is_two_dead_letters(store: FakeStateStore) -> None:
    (batch,) = await ingest(store, iteration(), final())
    letters = [
        DeadLetter(
            key="k",
            stage=stage,
            collection="default",
            reason="",
            body=b"",
            source_id=batch.source_id,
            source_version=1,
            batch_id=batch.batch_id,
        )
        for stage in ("embedding", "writing")
    ]

    assert await dead_lettered([letters[0]], store, CLOCK) == []
    (event,) = await dead_lettered([letters[1]], store, CLOCK)
    assert isinstance(event, SourceCompleted)
    assert event.dead == 2


async def test_a_letter_about_no_source_is_left_alone(store: FakeStateStore) -> None:
    letter = DeadLetter(key="k", stage="projection", collection="default", reason="", body=b"")

    assert await dead_lettered([letter], store, CLOCK) == []
