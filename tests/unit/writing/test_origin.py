"""What comes is written only from the ledger and the moments that belong to the dataset."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.writing.handlers import origin as origins
from services.writing.handlers.origin import DatasetOrigin
from services.writing.handlers.receiving import Receiver, Sent
from shared.contracts.batches import Batch
from shared.contracts.history import CompareHistory
from shared.contracts.projection import ProjectionModel
from shared.contracts.writing import WritingSettled
from shared.errors import TransientError
from shared.history import History, Verdict, opened
from tests.fakes.clock import FrozenClock
from tests.fakes.receiving import FakeHistoryKeeper
from tests.unit.writing.scenes import model, piece
from tests.unit.writing.test_writer import World

READS = "discovery"


def question(state: History, owner: str = READS) -> CompareHistory:
    seen = state.seen
    return CompareHistory.model_validate(
        {
            "owner": owner,
            "history": state.id,
            "openings": [{"id": one.id, "began": one.began} for one in state.openings],
            "position": state.position,
            "seen": seen
            and {"history": seen.history, "opening": seen.opening, "position": seen.position},
            "is_renewed": state.is_renewed,
        }
    )


def by(state: History, batch: Batch) -> Batch:
    return batch.of_epoch(0, state.sent_along)


def of(state: History, message: Batch | ProjectionModel) -> Sent:
    return Sent(message, state.sent_along)


class Dataset:
    """A dataset that is opened, and its ledger and moments."""

    def __init__(self) -> None:
        self.world, self.keeper = World(), FakeHistoryKeeper()
        self.ledger, self.moments = opened(None, 0), opened(None, 0)

    async def open(self) -> "Dataset":
        self.origin = DatasetOrigin("default", store=self.world.store, keeper=self.keeper)
        await self.origin.open()
        self.receiver = Receiver(self.world.writer, self.origin, FrozenClock())
        return self

    async def meet(self) -> None:
        for state, owner in ((self.ledger, READS), (self.moments, "projection")):
            assert await self.compare(state, owner) is Verdict.TOGETHER

    async def compare(self, state: History, owner: str = READS) -> Verdict:
        return Verdict((await self.origin.compare(question(state, owner))).verdict)

    async def take(self, *messages: Batch | ProjectionModel | Sent) -> Sequence[WritingSettled]:
        sent = [one if isinstance(one, Sent) else Sent(one) for one in messages]
        told = [one async for step in self.receiver.take(sent) for one in step]
        settled = [one.body for one in told if one.channel.family == "writing.settled"]
        return [WritingSettled.model_validate_json(body) for body in settled]

    @property
    def stored(self) -> list[str]:
        return [one.descriptor.batch_id for one in self.world.store.batches]


@pytest.fixture
async def dataset(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setattr(origins, "PATIENCE_S", 0.05)
    return await Dataset().open()


async def test_what_the_two_send_that_belong_here_is_written(dataset: Dataset) -> None:
    await dataset.meet()

    (settled,) = await dataset.take(of(dataset.moments, model(1)), by(dataset.ledger, piece()))

    assert [one.verdict for one in settled.batches] == ["stored"]


async def test_the_first_batch_waits_until_its_ledger_has_asked(dataset: Dataset) -> None:
    """Else a ledger that is lost would have written before it knew it."""
    with pytest.raises(TransientError, match="discovery has to say which it is"):
        await dataset.take(by(dataset.ledger, piece()))
    assert dataset.stored == []
    assert "discovery has to say" in str(dataset.world.writer.figures.blocked)
    await dataset.compare(dataset.moments, "projection")

    async with asyncio.TaskGroup() as group:
        taking = group.create_task(
            dataset.take(of(dataset.moments, model(1)), by(dataset.ledger, piece()))
        )
        group.create_task(dataset.compare(dataset.ledger))
    assert len(taking.result()) == len(dataset.stored) == 1


async def test_a_ledger_that_was_started_again_goes_on_without_having_asked(
    dataset: Dataset,
) -> None:
    """It has sent something, and was killed before it found writing."""
    await dataset.meet()
    later = opened(dataset.ledger.at(5), 5)

    await dataset.take(of(dataset.moments, model(1)), by(later, piece()))

    assert len(dataset.stored) == 1


async def test_what_a_ledger_of_before_sends_is_held_as_long_as_nobody_decides(
    dataset: Dataset,
) -> None:
    await dataset.meet()
    await dataset.take(of(dataset.moments, model(1)), by(dataset.ledger, piece("a")))
    yesterday = dataset.ledger
    today = opened(yesterday.at(5), 5)
    assert await dataset.compare(today) is Verdict.TOGETHER
    restored = opened(yesterday.at(3), 3)

    assert await dataset.compare(restored) is Verdict.OWNER_LOST
    for _ in range(2):
        with pytest.raises(TransientError, match="does not know"):
            await dataset.take(by(restored, piece("b")))
        assert await dataset.compare(restored) is not Verdict.TOGETHER
    assert len(dataset.stored) == 1


async def test_what_was_sent_by_a_ledger_that_was_made_again_counts_for_nothing(
    dataset: Dataset,
) -> None:
    """It is told as refused: it leaves the moments, and may come again with the same id."""
    await dataset.meet()
    await dataset.take(of(dataset.moments, model(1)), by(dataset.ledger, piece("a")))
    stranger = opened(None, 0)
    with pytest.raises(TransientError):
        await dataset.take(by(stranger, piece("b")))

    again = opened(None, 2).renewed()
    assert await dataset.compare(again) is Verdict.TOGETHER
    settled = await dataset.take(by(stranger, piece("b")), by(again, piece("c")))

    told = {one.source_id: one.verdict for event in settled for one in event.batches}
    assert told == {"b": "refused", "c": "stored"}
    assert len(dataset.stored) == 2


async def test_what_is_stored_is_told_as_stored_whoever_sends_it_once_more(
    dataset: Dataset,
) -> None:
    """Refused, it would leave the moments."""
    await dataset.meet()
    await dataset.take(of(dataset.moments, model(1)), by(dataset.ledger, piece("a")))
    again = opened(None, 2).renewed()
    assert await dataset.compare(again) is Verdict.TOGETHER

    (settled,) = await dataset.take(by(dataset.ledger, piece("a")))

    assert [one.verdict for one in settled.batches] == ["stored"]


async def test_what_moments_that_were_given_up_have_projected_is_not_stored(
    dataset: Dataset,
) -> None:
    """Its vectors count nowhere, and its places may be of another plane of the same number."""
    await dataset.meet()
    await dataset.take(of(dataset.moments, model(1)), by(dataset.ledger, piece("a")))
    sent = of(dataset.moments, by(dataset.ledger, piece("b")))
    again = opened(None, 2).renewed()
    with pytest.raises(TransientError, match="projection has to say which it is"):
        await dataset.take(of(again, by(dataset.ledger, piece("c"))))
    assert await dataset.compare(again, "projection") is Verdict.TOGETHER

    settled = await dataset.take(sent, of(again, by(dataset.ledger, piece("c"))))

    told = {one.source_id: one.verdict for event in settled for one in event.batches}
    assert told == {"b": "refused", "c": "stored"}
    assert dataset.stored == [one.descriptor.batch_id for one in (piece("a"), piece("c"))]


async def test_what_waits_is_told_to_wait_whoever_sends_it_once_more(dataset: Dataset) -> None:
    """Refused, it would leave the moments, and be shown nevertheless."""
    await dataset.meet()
    part = piece("a", version=2)
    facts = part.descriptor.model_copy(update={"can_wait": True, "is_last": False})
    second = Batch(facts, part.rows)
    await dataset.take(of(dataset.moments, model(1)), by(dataset.ledger, piece("a")))
    await dataset.take(of(dataset.moments, by(dataset.ledger, second)))
    again = opened(None, 2).renewed()
    assert await dataset.compare(again, "projection") is Verdict.TOGETHER

    (settled,) = await dataset.take(of(dataset.moments, by(dataset.ledger, second)))

    assert [one.verdict for one in settled.batches] == ["staged"]


@pytest.mark.parametrize("is_named", [True, False])
async def test_a_model_of_moments_that_were_given_up_is_passed_over(
    dataset: Dataset, *, is_named: bool
) -> None:
    """It may have any number, and would move the whole map; of an older program it has no name."""
    await dataset.meet()
    await dataset.take(of(dataset.moments, model(1)), by(dataset.ledger, piece("a")))
    foreign = opened(None, 4)
    sent = of(foreign, model(9)) if is_named else model(9)
    if is_named:
        with pytest.raises(TransientError):
            await dataset.take(sent)
        assert await dataset.compare(dataset.moments, "projection") is Verdict.TOGETHER

    await dataset.take(sent)
    await dataset.world.writer.move()

    assert dataset.world.writer.figures.model_version == 1


async def test_who_belongs_here_is_noted_before_it_is_told(dataset: Dataset) -> None:
    """Told first, an owner would know a dataset that does not know it."""
    dataset.keeper.failures = 1
    with pytest.raises(TransientError):
        await dataset.compare(dataset.ledger)

    assert await dataset.compare(dataset.ledger) is Verdict.TOGETHER
    assert dataset.keeper.kept is not None
    assert dataset.keeper.kept.remembered[READS].history == dataset.ledger.id


async def test_a_dataset_that_is_opened_again_knows_what_it_knew(dataset: Dataset) -> None:
    await dataset.meet()
    await dataset.take(of(dataset.moments, model(1)), by(dataset.ledger, piece("a")))
    before = dataset.keeper.kept

    await dataset.open()

    assert before is not None
    assert dataset.keeper.kept is not None
    assert dataset.keeper.kept.openings[:-1] == before.openings
    await dataset.take(by(dataset.ledger, piece("b")))
    assert len(dataset.stored) == 2
    await dataset.open()
    assert replace(dataset.keeper.kept, openings=()) != replace(before, openings=())
