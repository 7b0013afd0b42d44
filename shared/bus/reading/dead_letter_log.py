"""Reads the dead letters that the bus keeps, and takes single ones away."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from shared.bus.connection import BUS_ERRORS, jetstream
from shared.bus.messages.headers import header_text
from shared.bus.publishing.dead_letters import read_dead_letter
from shared.bus.reading.direct_get import EPOCH, Stored
from shared.bus.reading.stream_reader import StreamReader, asked
from shared.bus.registry.dead_letters import DEAD, DEAD_STREAM, EVERY_DEAD
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import LetterPage, StoredLetter
from shared.errors import BusAway

STEP = 256
LOOKED_AT = 4096
"""As many letters one page of a source's letters looks at."""
ASK_S = 5


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
        if selection.sequences:
            found = [one async for one in self._listed(collection, selection)]
            rest = [one for one in found if one.sequence > after]
            return _page(rest[:limit], len(found), has_more=len(rest) > limit)
        reading = _reading(self.client, collection, selection)
        if selection.source is not None:
            return await _search(reading, selection, after, limit)
        total = await reading.count()
        messages, has_more = await reading.some(after, limit)
        return _page([_of_message(raw) for raw in messages], total, has_more=has_more)

    async def walk(self, collection: str, selection: Selection) -> AsyncIterator[StoredLetter]:
        """Give all selected letters of a collection one by one, whole, without a consumer.

        Raises:
            BusAway: The bus did not answer.
        """
        if selection.sequences:
            async for one in self._listed(collection, selection):
                yield one
            return
        subject = EVERY_DEAD.subject(collection)
        cursor = 0
        while (one := await self._get(cursor + 1, subject=subject, next=True)) is not None:
            cursor = one.sequence
            if fits(one, selection):
                yield one

    async def _listed(self, collection: str, selection: Selection) -> AsyncIterator[StoredLetter]:
        """Give the letters that are asked for by number, without a look at any other."""
        for sequence in sorted(frozenset(selection.sequences)):
            one = await self._get(sequence)
            if one is not None and one.letter.collection == collection and fits(one, selection):
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
        js = jetstream(self.client, timeout_s=ASK_S)
        try:
            await asked(js.delete_msg(DEAD_STREAM, sequence))
        except BUS_ERRORS as error:
            if await self.get(sequence) is not None:
                raise BusAway(f"dead letter {sequence}: {error!r}") from error

    async def _get(self, sequence: int, **how: Any) -> StoredLetter | None:
        self._require_connection()
        js = jetstream(self.client, timeout_s=ASK_S)
        try:
            return _of_stored(await asked(js.get_msg(DEAD_STREAM, sequence, **how)))
        except NotFoundError:
            return None
        except BUS_ERRORS as error:
            raise BusAway(f"dead letter {sequence}: {error!r}") from error

    def _require_connection(self) -> None:
        if not self.client.is_connected:
            raise BusAway("the bus is away")


def _reading(client: Client, collection: str, selection: Selection) -> StreamReader:
    stages = [selection.stage] if selection.stage else list(DEAD)
    subjects = tuple(DEAD[stage].subject(collection) for stage in stages)
    return StreamReader(client, DEAD_STREAM, subjects, since=selection.since)


async def _search(
    reading: StreamReader, selection: Selection, after: int, limit: int
) -> LetterPage:
    """Look for letters of one source, at so many letters at most: the next page goes on."""
    found: list[StoredLetter] = []
    looked_at, has_more = 0, True
    while has_more and looked_at < LOOKED_AT and len(found) < limit:
        messages, has_more = await reading.some(after, STEP)
        for number, raw in enumerate(messages, 1):
            one = _of_message(raw)
            after = one.sequence
            if fits(one, selection):
                found.append(one)
            if len(found) == limit:
                has_more = has_more or number < len(messages)
                break
        looked_at += len(messages)
    return LetterPage(found, None, after if has_more else None)


def _page(letters: list[StoredLetter], total: int, *, has_more: bool) -> LetterPage:
    return LetterPage(letters, total, letters[-1].sequence if has_more and letters else None)


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


def _of_message(raw: Stored) -> StoredLetter:
    letter = read_dead_letter(raw.subject, raw.headers, b"")
    return StoredLetter(raw.sequence, raw.stored_at, letter)


def _of_stored(raw: RawStreamMsg) -> StoredLetter:
    letter = read_dead_letter(raw.subject or "", raw.headers or {}, raw.data or b"")
    stored_at = raw.time or EPOCH
    return StoredLetter(raw.seq or 0, stored_at, letter)
