"""A stage is without a collection when each of its processes says so, of this collection."""

from collections.abc import Sequence

import pytest

from services.discovery.adapters import bus_remains
from services.discovery.adapters.bus_remains import BusRemains
from shared.bus.registry.question import Question
from shared.contracts.collections import CollectionRecord, CollectionRemoved
from shared.errors import TransientError
from tests.unit.discovery.builders import NOW

RECORD = CollectionRecord(id="this", name="gone", title="T", revision=2, created_at=NOW)
GONE = CollectionRemoved(id="this", is_gone=True)


class FakeBus:
    async def connect(self) -> None:
        """It is connected."""


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sequence[CollectionRemoved]]:
    told: dict[str, Sequence[CollectionRemoved]] = dict.fromkeys(
        ("writing", "projection", "embedding"), (GONE,)
    )

    async def ask(_: object, question: Question, *__: object, **___: object) -> object:
        if not told[question.service]:
            raise TransientError(f"{question.service} does not answer")
        return told[question.service]

    monkeypatch.setattr(bus_remains, "ask_all", ask)
    return told


async def leave_stages() -> None:
    await BusRemains(FakeBus()).leave_stages(RECORD)  # type: ignore[arg-type]


async def test_all_that_say_so_are_without_it(
    answers: dict[str, Sequence[CollectionRemoved]],
) -> None:
    answers["writing"] = (GONE, GONE)

    await leave_stages()


async def test_one_process_that_has_it_yet_is_enough(
    answers: dict[str, Sequence[CollectionRemoved]],
) -> None:
    why = "the disk refuses"
    answers["writing"] = (GONE, CollectionRemoved(id="this", is_gone=False, why_not=why))

    with pytest.raises(TransientError, match="writing has it yet: the disk refuses"):
        await leave_stages()


async def test_an_answer_about_another_one_is_none(
    answers: dict[str, Sequence[CollectionRemoved]],
) -> None:
    answers["projection"] = (CollectionRemoved(id="another", is_gone=True),)

    with pytest.raises(TransientError, match="projection answers for another collection"):
        await leave_stages()


async def test_all_that_are_waited_for_are_named(
    answers: dict[str, Sequence[CollectionRemoved]],
) -> None:
    answers["projection"] = answers["embedding"] = ()

    with pytest.raises(TransientError, match="projection does not answer; embedding does not"):
        await leave_stages()
