import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from shared.bus.request import request
from shared.contracts.answers import Answer
from shared.contracts.base import Command, Event
from shared.contracts.commands import Drop, Forget, Refit
from shared.contracts.dead_letter_events import LettersDropped
from shared.contracts.projection import ProjectionRejected, ProjectionUpdated
from shared.contracts.sources import SourceForgotten
from shared.contracts.stored_events import StoredEvent
from shared.contracts.writing import WritingPublished
from shared.errors import BusAway
from tests.unit.gateway.builders import event, model

ME = "me"
SHORT_S = 0.05


class Bus:
    """A stream of events; what ``reply`` returns for a command is told at once."""

    def __init__(self, *replies: Callable[[str], Event], old: tuple[Event, ...] = ()) -> None:
        self.replies = replies
        self.told: list[StoredEvent] = []
        self.sent: list[tuple[str, Command]] = []
        self._tell(*old)

    def _tell(self, *events: Event) -> None:
        for one in events:
            place, body = len(self.told) + 1, one.model_dump_json().encode()
            self.told.append(StoredEvent(place, one.family, one.collection, body, type(one)))

    async def send(self, collection: str, command: Command) -> None:
        self.sent.append((collection, command))
        self._tell(*(reply(command.correlation_id or "") for reply in self.replies))

    async def position(self) -> int:
        return len(self.told)

    async def follow(self, after: int) -> AsyncGenerator[StoredEvent, None]:
        for stored in self.told[after:]:
            yield stored
        await asyncio.Event().wait()


async def ask(bus: Bus, command: Command, *, timeout_s: float = 5.0, **how: Any) -> Answer:
    mine = command.model_copy(update={"correlation_id": ME})
    return await request(mine, "default", sender=bus, events=bus, timeout_s=timeout_s, **how)


def updated(version: int) -> Callable[[str], Event]:
    return lambda one: event(ProjectionUpdated, one, model=model(version))


def published(version: int) -> Callable[[str], Event]:
    return lambda _: event(WritingPublished, model_version=version)


@pytest.mark.parametrize(
    "replies",
    [(published(1), updated(2), published(2)), (published(3), updated(2))],
    ids=["in order", "the files are faster"],
)
async def test_a_new_model_is_an_answer_when_the_files_hold_it(replies: Any) -> None:
    answer = await ask(Bus(*replies), Refit())

    assert (answer.word, answer.outcome, answer.is_complete) == ("updated", "done", True)
    assert answer.published
    assert (answer.published.model_version or 0) >= 2


async def test_a_model_that_the_files_do_not_hold_in_time_is_told_and_incomplete() -> None:
    answer = await ask(Bus(updated(2), published(1)), Refit(), timeout_s=SHORT_S)

    assert (answer.word, answer.is_complete, answer.published) == ("updated", False, None)


async def test_a_repeated_answer_is_complete_if_the_files_have_it_already() -> None:
    async def shown() -> int | None:
        return 2

    answer = await ask(Bus(updated(2)), Refit(), shown_model=shown)

    assert (answer.is_complete, answer.published) == (True, None)


async def test_of_two_answers_the_first_counts() -> None:
    """A command that is delivered twice may be answered twice."""

    def rejected(one: str) -> Event:
        return event(ProjectionRejected, one)

    answer = await ask(Bus(updated(3), rejected, published(3)), Refit())

    assert (answer.word, answer.is_complete) == ("updated", True)


async def test_an_answer_that_is_no_model_waits_for_no_file() -> None:
    answer = await ask(Bus(lambda one: event(LettersDropped, one)), Drop(all=True))

    assert (answer.word, answer.refused, answer.is_complete) == ("dropped", 1, True)


async def test_only_what_the_row_of_the_command_names_is_an_answer() -> None:
    """An event of another command's with the same correlation id is that command's."""
    bus = Bus(lambda one: event(ProjectionRejected, one), lambda one: event(SourceForgotten, one))

    answer = await ask(bus, Forget(source="a.jsonl"))

    assert answer.word == "forgotten"


async def test_what_was_told_before_and_to_others_is_no_answer() -> None:
    old = (event(ProjectionRejected, ME),)
    bus = Bus(lambda _: event(ProjectionRejected, "somebody"), old=old)

    answer = await ask(bus, Refit(), timeout_s=SHORT_S)

    assert (answer.word, answer.outcome, answer.event) == ("none", None, None)


async def test_what_cannot_be_read_is_passed_over() -> None:
    broken = StoredEvent(1, ProjectionRejected.family, "default", b"{}", ProjectionRejected)

    class Noisy(Bus):
        async def send(self, collection: str, command: Command) -> None:
            self.told.append(broken)
            await super().send(collection, command)

    answer = await ask(Noisy(lambda one: event(ProjectionRejected, one, reason="why")), Refit())

    assert answer.word == "rejected"


async def test_a_bus_that_is_away_is_told_before_anything_is_sent() -> None:
    class Away(Bus):
        async def position(self) -> int:
            raise BusAway("away")

    bus = Away()
    with pytest.raises(BusAway):
        await ask(bus, Refit())

    assert bus.sent == []
