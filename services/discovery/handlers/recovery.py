"""Finds what got lost on the bus, and sends it again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from services.discovery.domain.ledger import SourceRecord
from services.discovery.handlers.forget import empty_batch
from services.discovery.handlers.replay import send_again
from services.discovery.ports import LetterLedger, StateStore
from shared.bus.messages.outgoing import Steps, outgoing_batch
from shared.bus.registry.batches import DISCOVERY_BATCH

REFRESH_S = 0.2
log = structlog.get_logger(__name__)


class LostBatchRecovery:
    """Finds sources whose batches are neither mapped nor on the bus, and sends them again.

    That happens when the bus has lost its data. The ids of the batches are the same as before, so
    what was not lost after all is harmless.
    """

    def __init__(
        self,
        store: StateStore,
        letters: LetterLedger,
        in_flight: Callable[[], Awaitable[int | None]],
    ) -> None:
        """Take what it needs.

        Args:
            store: The ledger of sources.
            letters: The ledger of dead letters.
            in_flight: Counts what is on its way; None if the bus does not tell.
        """
        self._store = store
        self._letters = letters
        self._in_flight = in_flight

    async def resume(self) -> Steps:
        """Send the empty batches of sources that are being forgotten, and replays, once more.

        Raises:
            TransientError: The ledger could not be read.
        """
        async for messages in self._forget_again(await self._store.unfinished()):
            yield messages
        async for messages in send_again(self._letters):
            yield messages

    async def find(self) -> list[SourceRecord]:
        """Return what has been open for a while with nothing on its way.

        Raises:
            TransientError: The ledger could not be read.
        """
        # The bus is asked first: while much is on its way, the ledger has a long list of it.
        if await self._in_flight() != 0:
            return []
        before = await self._store.unfinished()
        if not before or await self._in_flight() != 0:
            return []
        await asyncio.sleep(REFRESH_S)
        still = {source.source_id for source in await self._store.unfinished()}
        lost = [one for one in before if one.source_id in still and one.status == "dispatched"]
        return lost if await self._in_flight() == 0 else []

    async def recover(self, lost: Sequence[SourceRecord]) -> Steps:
        """Send again what need not be read, and have the next scan read the rest.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        if lost:
            log.warning("sources.lost_on_the_bus", sources=len(lost), first=lost[0].filename)
        async for messages in self._forget_again(lost):
            yield messages
        if any(source.replays for source in lost):
            async for messages in send_again(self._letters):
                yield messages
        for source in to_read(lost):
            await self._store.requeue(source.source_id)

    async def _forget_again(self, sources: Sequence[SourceRecord]) -> Steps:
        for source in sources:
            if source.is_forgotten:
                yield [outgoing_batch(DISCOVERY_BATCH, empty_batch(source))]


def to_read(lost: Sequence[SourceRecord]) -> list[SourceRecord]:
    """List those of the lost sources that only reading them brings back."""
    return [source for source in lost if not (source.is_forgotten or source.replays)]
