"""An owner that asks whether its state belongs to the dataset, and what it does by the answer."""

import asyncio
from contextlib import suppress

import pytest

from shared import belonging as belongings
from shared.belonging import Belonging, renew_history
from shared.contracts.history import ComparedHistory, CompareHistory, ToldMemory
from shared.errors import BeginAnew, ConfigurationError, TransientError
from shared.history import History, Verdict


class Keeper:
    def __init__(self) -> None:
        self.document: str | None = None
        self.writes = 0

    async def history(self, collection: str) -> str | None:  # noqa: ARG002
        return self.document

    async def keep_history(self, collection: str, document: str) -> None:  # noqa: ARG002
        self.document = document
        self.writes += 1

    @property
    def kept(self) -> History:
        assert self.document is not None
        return History.read(self.document)


class Dataset:
    """Answers with what it is told to, or not at all."""

    def __init__(self, verdict: Verdict | None = Verdict.TOGETHER) -> None:
        self.verdict = verdict
        self.asked: list[CompareHistory] = []

    async def compare(self, asked: CompareHistory) -> ComparedHistory:
        if self.verdict is None:
            raise TransientError("nobody answers")
        self.asked.append(asked)
        memory = ToldMemory(history="d", opening=f"o{len(self.asked)}", position=len(self.asked))
        return ComparedHistory.model_validate({"verdict": str(self.verdict), "dataset": memory})


def owner(
    keeper: Keeper, dataset: Dataset, *, name: str = "discovery", mends_older: bool = False
) -> Belonging:
    return Belonging(name, "default", keeper, dataset.compare, mends_older=mends_older)


async def test_what_belongs_together_is_remembered_and_told_the_next_time() -> None:
    keeper, dataset = Keeper(), Dataset()
    one = owner(keeper, dataset)
    await one.open(3, holds_rows=True)

    assert await one.compare() is Verdict.TOGETHER
    assert one.is_compared
    await one.compare()

    first, second = dataset.asked
    assert (first.seen, first.holds_rows, first.position) == (None, True, 3)
    assert second.seen is not None
    assert (second.seen.history, second.seen.opening, second.seen.position) == ("d", "o1", 1)
    assert keeper.kept.seen is not None
    assert keeper.kept.seen.position == 2


async def test_nothing_is_written_where_nothing_is_new() -> None:
    """It asks every ten seconds, for ever."""
    keeper, dataset = Keeper(), Dataset()
    one = owner(keeper, dataset)
    await one.open(0)
    await one.compare()
    before, dataset.asked = keeper.writes, []

    await one.compare()

    assert keeper.writes == before


async def test_one_that_does_not_belong_remembers_nothing_of_the_dataset() -> None:
    keeper, dataset = Keeper(), Dataset(Verdict.OWNER_OLDER)
    one = owner(keeper, dataset)
    await one.open(3)

    assert await one.compare() is Verdict.OWNER_OLDER
    assert not one.is_compared
    assert keeper.kept.seen is None


@pytest.mark.parametrize("mends_older", [True, False])
@pytest.mark.parametrize("verdict", Verdict)
async def test_only_what_the_dataset_can_give_back_is_made_again(
    verdict: Verdict, *, mends_older: bool
) -> None:
    one = owner(Keeper(), Dataset(), mends_older=mends_older)
    mended = {Verdict.OWNER_LOST} | ({Verdict.OWNER_OLDER} if mends_older else set())
    if verdict is Verdict.TOGETHER:
        assert not one.is_to_be_made_again(verdict)
    elif verdict in mended:
        assert one.is_to_be_made_again(verdict)
    else:
        with pytest.raises(ConfigurationError, match="mapstream verify --repair") as refused:
            one.is_to_be_made_again(verdict)
        assert str(verdict) in str(refused.value)
        assert "the ledger of discovery" in str(refused.value)


async def test_what_was_made_again_is_another_past_until_that_is_told() -> None:
    keeper, dataset = Keeper(), Dataset()
    one = owner(keeper, dataset)
    await one.open(3)
    before = one.opened()

    await one.renew(7)

    assert not set(before) & set(one.opened())
    assert keeper.kept.is_renewed
    await one.compare()
    assert dataset.asked[-1].is_renewed
    assert not keeper.kept.is_renewed


async def test_one_that_is_made_again_by_hand_needs_no_past_that_can_be_read() -> None:
    keeper = Keeper()
    keeper.document = "nothing"

    await renew_history("default", keeper, 4)

    assert keeper.kept.is_renewed
    assert keeper.kept.position == 4


async def test_a_past_that_cannot_be_read_is_named() -> None:
    keeper = Keeper()
    keeper.document = "nothing"

    with pytest.raises(ConfigurationError, match="default: the history in the ledger"):
        await owner(keeper, Dataset()).open(1)


@pytest.mark.parametrize(
    ("verdict", "error"),
    [(Verdict.OWNER_LOST, BeginAnew), (Verdict.DATASET_LOST, ConfigurationError)],
)
async def test_a_dataset_that_comes_later_or_is_another_one_now_is_noticed(
    verdict: Verdict, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(belongings, "AT_FIRST_S", 0.001)
    monkeypatch.setattr(belongings, "EVERY_S", 0.001)
    keeper, dataset = Keeper(), Dataset(None)
    one = owner(keeper, dataset)
    told: list[bool] = []
    one.tell = lambda: told.append(one.is_compared)
    await one.open(1)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        with suppress(error):
            comparing = group.create_task(_until(one, error))
        while dataset.verdict is None:
            await asyncio.sleep(0.01)
            dataset.verdict = Verdict.TOGETHER
        while not one.is_compared:
            await asyncio.sleep(0.001)
        dataset.verdict = verdict
    assert comparing.result()
    assert told == [True, False]


async def _until(one: Belonging, error: type[Exception]) -> bool:
    with pytest.raises(error):
        await one.keep_comparing()
    return True
