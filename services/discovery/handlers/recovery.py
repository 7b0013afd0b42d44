"""Finds what got lost on the bus, and sends it again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from services.discovery.domain.ledger import SourceRecord
from services.discovery.handlers.bare_batches import (
    discarding_batch,
    forgetting_batch,
    moving_batch,
    showing_batch,
)
from services.discovery.handlers.epochs import Epochs
from services.discovery.handlers.lost_batches import lost_with_source
from services.discovery.handlers.replay import send_again
from services.discovery.ports import LetterLedger, MoveStore, StateStore
from shared.bus.messages.outgoing import Steps, outgoing_batch, outgoing_event
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.writing import WRITING_SETTLED
from shared.contracts.batches import Batch

REFRESH_S = 0.2
log = structlog.get_logger(__name__)


class RecoveryLedger(StateStore, LetterLedger, MoveStore, Protocol):
    """The accounts of the sources, and of what is sent again for dead letters."""


@dataclass(slots=True)
class Doubt:
    """Sources that were under way when a consumer on that way was made anew."""

    births: str
    waiting: set[str]
    """Ids of those that are to be sent again, when they have been read to their end."""
    sent: set[str]
    """Ids of those that were, and are not finished yet."""

    def note_sent(self, ids: set[str]) -> None:
        """Note which were sent again."""
        self.sent |= self.waiting & ids
        self.waiting -= ids


class LostBatchRecovery:
    """Finds sources of one collection whose batches the bus has lost, and sends them again.

    It has lost them for sure, or may have, if a durable consumer on their way was made after they
    were sent: with its stream, or with what that kept for it alone. Whatever else is missing is
    found when nothing is on its way. The ids of the batches are the same as before, so what was
    not lost after all is harmless; those of the messages are of another epoch, since a stream
    that has lost nothing would drop them.
    """

    def __init__(
        self,
        collection: str,
        store: RecoveryLedger,
        epochs: Epochs,
        *,
        in_flight: Callable[[str], Awaitable[int | None]],
        births: Callable[[str], Awaitable[str | None]],
    ) -> None:
        """Take what it needs.

        Args:
            collection: Of which.
            store: The ledger of sources and of dead letters.
            epochs: In which epoch each source is sent.
            in_flight: Counts what of a collection is on its way; None if the bus does not tell.
            births: Tells when the consumers on its way were made; None if the bus does not tell.
        """
        self.collection = collection
        self._store = store
        self._epochs = epochs
        self._in_flight = in_flight
        self._births = births
        self._doubt: Doubt | None = None

    async def resume(self) -> Steps:
        """Send once more what forgets or moves sources, shows or puts aside versions, and replays.

        Raises:
            TransientError: The ledger could not be read.
        """
        async for messages in self._send_empty(await self._unfinished()):
            yield messages
        async for messages in send_again(self._store, self.collection):
            yield messages

    async def find(self) -> list[SourceRecord]:
        """Return what the bus has lost, or may have.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        births = await self._births(self.collection)
        found = [] if births is None else await self._in_doubt(births)
        return found or await self._left()

    async def _in_doubt(self, births: str) -> list[SourceRecord]:
        """Return what was sent to consumers that are not there any more, once."""
        known = await self._store.births(self.collection)
        if known == births:
            return []
        unfinished = await self._unfinished() if known else []
        open_ids = {one.source_id for one in unfinished}
        doubt = self._doubt
        if doubt is None or doubt.births != births:
            doubt = self._doubt = Doubt(births, set(open_ids), set())
        doubt.sent &= open_ids
        doubt.waiting &= open_ids
        if not doubt.waiting and not doubt.sent:
            await self._store.note_births(self.collection, births)
        return [
            one for one in unfinished if one.source_id in doubt.waiting and one.status != "reading"
        ]

    async def _left(self) -> list[SourceRecord]:
        """Return what has been open for a while with nothing on its way."""
        # The bus is asked first: while much is on its way, the ledger has a long list of it.
        if await self._in_flight(self.collection) != 0:
            return []
        before = await self._unfinished()
        if not before or await self._in_flight(self.collection) != 0:
            return []
        await asyncio.sleep(REFRESH_S)
        still = {source.source_id for source in await self._unfinished()}
        lost = [one for one in before if one.source_id in still and one.status != "reading"]
        return lost if await self._in_flight(self.collection) == 0 else []

    async def recover(self, lost: Sequence[SourceRecord]) -> Steps:
        """Send again what need not be read, and have the next scan read the rest.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        if lost:
            log.warning("sources.lost_on_the_bus", sources=len(lost), first=lost[0].filename)
        began = [self._epochs.begin(source.source_id) for source in lost]
        async for messages in self._send_empty(lost):
            yield messages
        if any(source.replays for source in lost):
            async for messages in send_again(self._store, self.collection, max(began)):
                yield messages
        for source in to_read(lost):
            await self._store.requeue(source.source_id)
        if self._doubt is not None:
            self._doubt.note_sent({source.source_id for source in lost})

    async def withdraw(self) -> Steps:
        """Close the accounts of sources that cannot be read, and whose batches are nowhere.

        A batch that was noted and never sent, or lost, comes from its source alone. It
        may be what is on its way, so this is done while nothing is. Who may have counted it
        is told first, as of a batch that can never be stored.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        before = await self._store.lost_with_source(self.collection)
        if not before or await self._in_flight(self.collection) != 0:
            return
        await asyncio.sleep(REFRESH_S)
        lost_now = await self._store.lost_with_source(self.collection)
        still = {source.source_id for source in lost_now}
        if await self._in_flight(self.collection) != 0:
            return
        for source in before:
            if source.source_id not in still:
                continue
            batches = await self._store.lost_batches(source.source_id)
            event = lost_with_source(source, batches, self._epochs)
            yield [outgoing_event(WRITING_SETTLED, event)] if batches else []
            if lost := await self._store.withdraw(source.source_id):
                log.error("records.lost_with_their_source", file=source.filename, records=lost)

    async def _unfinished(self) -> list[SourceRecord]:
        return await self._store.unfinished(self.collection)

    async def _send_empty(self, sources: Sequence[SourceRecord]) -> Steps:
        moves = await self._store.open_moves(self.collection)
        moving = {one.to.source_id: moving_batch(one) for one in moves}
        left = {one.before.source_id for one in moves}
        for source in sources:
            if source.source_id in left:
                # What forgets it would take the rows away that are to be moved.
                continue
            batch = moving.get(source.source_id, _bare(source))
            if batch is not None:
                yield [outgoing_batch(DISCOVERY_BATCH, self._epochs.date(batch))]


def _bare(source: SourceRecord) -> Batch | None:
    """Return what says something of a whole version, if that is on its way."""
    if source.is_forgotten:
        return forgetting_batch(source)
    if source.is_showing:
        return showing_batch(source)
    return discarding_batch(source) if source.is_put_aside else None


def to_read(lost: Sequence[SourceRecord]) -> list[SourceRecord]:
    """List those of the lost sources that only reading them brings back."""
    return [
        source
        for source in lost
        if not (source.is_forgotten or source.replays or source.is_put_aside)
        and (source.in_flight or not source.is_showing)
    ]
