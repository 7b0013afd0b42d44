"""Finds what got lost on the bus, and has it sent again."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from services.discovery.domain.ledger import SourceRecord
from services.discovery.handlers.forget import empty_batch
from services.discovery.loops.reading import Looker
from services.discovery.ports import StateStore
from shared.bus.messages.outgoing import outgoing_batch
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.waits import WAITS

SWEEP_S = 15.0
REFRESH_S = 0.2
SWEEPING = "finding what the bus lost"
log = structlog.get_logger(__name__)


class Sweep:
    """Finds sources whose batches are neither mapped nor on the bus, and has them sent again.

    That happens when the bus has lost its data. The ids of the batches are the same as before, so
    what was not lost after all is harmless.
    """

    def __init__(
        self,
        store: StateStore,
        looker: Looker,
        publisher: Publisher,
        in_flight: Callable[[], Awaitable[int | None]],
        send_again: Callable[[], Awaitable[int]],
    ) -> None:
        self._send_again = send_again
        self._store = store
        self._looker = looker
        self._publisher = publisher
        self._in_flight = in_flight

    async def run(self) -> None:
        """Send what a crash kept from being sent; then sweep now and then, until cancelled."""
        await self._unless_it_fails(self.resume)
        while True:
            await asyncio.sleep(SWEEP_S)
            await self._unless_it_fails(self.sweep)

    async def resume(self) -> None:
        """Send the empty batches of sources that are being forgotten, and replays, once more."""
        for source in await self._store.unfinished():
            if source.is_forgotten:
                await self._forget_again(source)
        await self._send_again()

    async def sweep(self) -> None:
        """Read again what is open although nothing was on its way for a while."""
        lost = await self._lost()
        if not lost:
            return
        log.warning("sources.lost_on_the_bus", sources=len(lost), first=lost[0].filename)
        replayed = [source for source in lost if source.replays]
        to_read = [source for source in lost if not (source.is_forgotten or source.replays)]
        for source in lost:
            if source.is_forgotten:
                await self._forget_again(source)
        if replayed:
            await self._send_again()
        for source in to_read:
            await self._store.requeue(source.source_id)
        if to_read:
            await self._looker.look(None)

    async def _lost(self) -> list[SourceRecord]:
        """Return what has been open for a while with nothing on its way."""
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

    async def _forget_again(self, source: SourceRecord) -> None:
        await self._publisher.publish(outgoing_batch(DISCOVERY_BATCH, empty_batch(source)))

    async def _unless_it_fails(self, work: Callable[[], Awaitable[None]]) -> None:
        with WAITS.retrying(SWEEPING, partial(log.warning, "sweep.failed")):
            await work()
