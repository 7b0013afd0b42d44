"""What is told of batches is what is stored of them, whatever came."""

import hashlib

import pytest

from shared.contracts.batches import Batch
from shared.contracts.writing import SettledBatch
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.unit.writing.scenes import model, piece, with_vectors, write


class Desk:
    """A store with model 1, and what is told of it."""

    def __init__(self) -> None:
        self.store = FakeDatasetStore()
        self.models = FakeModelArchive(model(1))
        self.ids: list[str] = []

    async def write(self, *batches: Batch) -> list[SettledBatch]:
        written, _ = await write(*batches, store=self.store, models=self.models)
        self.ids.append(written.settled.id)
        assert written.settled.dataset_version == self.store.version
        for one in written.committed.batches if written.committed else ():
            told = {each.batch_id: each.records for each in written.settled.batches
                    if each.source_version == one.source_version}  # fmt: skip
            assert told[one.batch_id] == one.records
        return list(written.settled.batches)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def checksum(batch: Batch) -> str:
    plain = batch.vectors.astype("<f4").tobytes()
    return hashlib.blake2b(plain, digest_size=16).hexdigest()


NOTHING = (0, hashlib.blake2b(digest_size=16).hexdigest())


def outcome(one: SettledBatch) -> tuple[str, int, str]:
    return one.verdict, one.records, one.checksum


async def test_what_was_appended_is_told_with_its_checksum(desk: Desk) -> None:
    first, second = await desk.write(piece("a", rows=3), piece("b"))

    assert outcome(first) == ("stored", 3, checksum(piece("a", rows=3)))
    assert outcome(second) == ("stored", 2, checksum(piece("b")))
    assert (first.batch_id, first.source_id, first.source_version) == ("a@1#0", "a", 1)


@pytest.mark.parametrize("rows", [3, 1])
async def test_a_copy_that_is_another_tells_what_is_stored(desk: Desk, rows: int) -> None:
    """A server that refused a text the first time may take it the second time, and so on."""
    stored = piece("a", rows=2)
    (first,) = await desk.write(stored)

    (again,) = await desk.write(piece("a", rows=rows))
    both = await desk.write(with_vectors(stored, 7.0), piece("a", rows=rows))

    assert [again, *both] == [first, first]
    assert outcome(first) == ("stored", 2, checksum(stored))


async def test_of_two_copies_that_come_together_the_stored_one_is_told(desk: Desk) -> None:
    (told,) = await desk.write(piece("a", rows=3), piece("a", rows=2))

    assert outcome(told) == ("stored", 3, checksum(piece("a", rows=3)))


async def test_what_a_newer_version_has_put_aside_has_no_rows(desk: Desk) -> None:
    await desk.write(piece("a"))

    old, new = await desk.write(piece("a"), piece("a", version=2))

    assert outcome(old) == ("superseded", *NOTHING)
    assert outcome(new) == ("stored", 2, checksum(piece("a", version=2)))


async def test_a_content_that_comes_back_is_told_in_its_new_version_alone(desk: Desk) -> None:
    first = piece("a")
    await desk.write(first)
    facts = first.descriptor.model_copy(update={"source_version": 3})

    old, new = await desk.write(first, Batch(facts, first.rows))

    assert (old.source_version, *outcome(old)) == (1, "superseded", *NOTHING)
    assert (new.source_version, *outcome(new)) == (3, "stored", 2, checksum(first))


async def test_what_can_never_be_stored_is_told_as_refused(desk: Desk) -> None:
    await desk.write(piece("a"))
    wrong, copy = piece("b", dimension=5), piece("a", dimension=5)

    refused, kept = await desk.write(wrong, copy)

    assert outcome(refused) == ("refused", *NOTHING)
    assert outcome(kept) == ("stored", 2, checksum(piece("a")))


async def test_a_batch_without_records_is_stored_with_no_rows(desk: Desk) -> None:
    (told,) = await desk.write(piece("a", rows=0))

    assert outcome(told) == ("stored", *NOTHING)


async def test_only_the_same_news_of_the_same_sending_has_the_same_id(desk: Desk) -> None:
    """A stream drops a copy: so news that differ, and what is sent anew, must have other ids."""
    first = piece("a")
    anew = Batch(first.descriptor.model_copy(update={"epoch": 7}), first.rows)

    for batches in ([first], [first], [first, piece("b")], [anew], [piece("a", 2)], [first]):
        await desk.write(*batches)

    again, *others = desk.ids[1:]
    assert again == desk.ids[0]
    assert len({again, *others}) == 5
