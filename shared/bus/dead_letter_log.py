"""Reads the dead letters that the bus keeps, and takes single ones away."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from shared.bus.channels import DEAD, DEAD_STREAM, EVERY_DEAD
from shared.bus.dead_letters import read_dead_letter
from shared.bus.facts import header_text
from shared.bus.tailing import BUS_ERRORS, Reading, asked
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import LetterPage, StoredLetter
from shared.errors import BusAway

STEP = 256
ASK_S = 5
EPOCH = datetime.fromtimestamp(0, UTC)
SHORT_REPLY, SHORT_REPLY_TIME = 9, 7
"""How many parts a reply subject without a domain has, and which of them is the time."""


@dataclass(slots=True)
class _Paging:
    after: int
    limit: int
    letters: list[StoredLetter] = field(default_factory=list)
    total: int = 0
    has_more: bool = False

    def take(self, one: StoredLetter) -> None:
        self.total += 1
        if one.sequence <= self.after:
            return
        if len(self.letters) < self.limit:
            self.letters.append(one)
        else:
            self.has_more = True


@dataclass(frozen=True, slots=True)
class DeadLetterLog:
    """The stream of dead letters, as one connection sees it."""

    client: Client

    async def page(
        self, collection: str, selection: Selection, *, after: int = 0, limit: int = 50
    ) -> LetterPage:
        """Return a page of a collection's letters, without their bodies.

        Raises:
            BusAway: The bus did not answer.
        """
        paging = _Paging(after, limit)
        async for one in self.every(collection, selection):
            paging.take(one)
        last = paging.letters[-1].sequence if paging.letters else None
        return LetterPage(paging.letters, paging.total, last if paging.has_more else None)

    async def every(self, collection: str, selection: Selection) -> AsyncIterator[StoredLetter]:
        """Give all selected letters of a collection, oldest first, without their bodies.

        Raises:
            BusAway: The bus did not answer.
        """
        stages = [selection.stage] if selection.stage else list(DEAD)
        subjects = tuple(DEAD[stage].subject(collection) for stage in stages)
        reading = Reading(self.client, DEAD_STREAM, subjects, headers_only=True)
        listed = frozenset(selection.sequences)
        cursor, has_more = 0, True
        while has_more:
            messages, has_more = await reading.some(cursor, STEP)
            for raw in messages:
                one = _of_message(raw)
                cursor = one.sequence
                if (not listed or cursor in listed) and fits(one, selection):
                    yield one

    async def walk(self, collection: str, selection: Selection) -> AsyncIterator[StoredLetter]:
        """Give the same letters one by one, whole: slower, but without a consumer.

        Raises:
            BusAway: The bus did not answer.
        """
        subject = EVERY_DEAD.subject(collection)
        listed = frozenset(selection.sequences)
        cursor = 0
        while (one := await self._get(cursor + 1, subject=subject, next=True)) is not None:
            cursor = one.sequence
            if (not listed or cursor in listed) and fits(one, selection):
                yield one

    async def get(self, sequence: int) -> StoredLetter | None:
        """Return a whole letter; None if there is none at this place.

        Raises:
            BusAway: The bus did not answer.
        """
        return await self._get(sequence)

    async def delete(self, sequence: int) -> None:
        """Take a letter away; one that is not there is no error.

        Raises:
            BusAway: The bus did not answer.
        """
        self._require_connection()
        js = self.client.jetstream(timeout=ASK_S)
        try:
            await asked(js.delete_msg(DEAD_STREAM, sequence))
        except BUS_ERRORS as error:
            if await self.get(sequence) is not None:
                raise BusAway(f"dead letter {sequence}: {error!r}") from error

    async def _get(self, sequence: int, **how: Any) -> StoredLetter | None:
        self._require_connection()
        js = self.client.jetstream(timeout=ASK_S)
        try:
            return _of_stored(await asked(js.get_msg(DEAD_STREAM, sequence, **how)))
        except NotFoundError:
            return None
        except BUS_ERRORS as error:
            raise BusAway(f"dead letter {sequence}: {error!r}") from error

    def _require_connection(self) -> None:
        if not self.client.is_connected:
            raise BusAway("the bus is away")


def fits(one: StoredLetter, selection: Selection) -> bool:
    """Tell whether a letter is of the stage, source and time that are meant."""
    letter = one.letter
    is_of_stage = selection.stage in (None, letter.stage)
    is_new = selection.since is None or one.stored_at >= selection.since
    names = {letter.source_id, letter.filename}
    is_of_source = selection.source is None or bool(
        names & {selection.source, header_text(selection.source)}
    )
    return is_of_stage and is_new and is_of_source


def _of_message(raw: Msg) -> StoredLetter:
    letter = read_dead_letter(raw.subject, raw.headers or {}, raw.data)
    return StoredLetter(raw.metadata.sequence.stream, _stored_at(raw), letter)


def _of_stored(raw: RawStreamMsg) -> StoredLetter:
    letter = read_dead_letter(raw.subject or "", raw.headers or {}, raw.data or b"")
    stored_at = raw.time or EPOCH
    return StoredLetter(raw.seq or 0, stored_at, letter)


def _stored_at(raw: Msg) -> datetime:
    """Return the stored time cut to whole microseconds, as nats-py cuts it for a direct read.

    nats-py's own figure for a delivered message is rounded, by way of a float: it can be a
    microsecond later.
    """
    tokens = raw.reply.split(".")
    place = SHORT_REPLY_TIME if len(tokens) == SHORT_REPLY else Msg.Ack.Timestamp
    nanoseconds = int(tokens[place])
    return EPOCH + timedelta(microseconds=nanoseconds // 1000)
