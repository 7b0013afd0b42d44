"""Looks now and then for what got lost on the bus."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog

from services.discovery.handlers.recovery import LostBatchRecovery, to_read
from shared.bus.messages.outgoing import Steps
from shared.bus.publishing.publisher import Publisher
from shared.waits import WAITS

SWEEP_S = 15.0
SWEEPING = "finding what the bus lost"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RecoveryLoop:
    """Has sent again what the bus lost of one collection."""

    recovery: LostBatchRecovery
    publisher: Publisher
    scan: Callable[[str, frozenset[str] | None], Awaitable[None]]
    """Scans for sources of a collection, all of them with None."""
    changed: asyncio.Event
    """Set when the figures are others."""

    async def run(self) -> None:
        """Send what a crash kept from being sent; then look now and then, until cancelled."""
        await self._unless_it_fails(self.resume)
        while True:
            await self._unless_it_fails(self.recover)
            await asyncio.sleep(SWEEP_S)

    async def resume(self) -> None:
        """Send what a crash kept from being sent."""
        await self.publisher.publish_steps(self.recovery.resume())

    async def recover(self) -> None:
        """Send or read again what is open although nothing was on its way for a while."""
        lost = await self.recovery.find()
        await self.publisher.publish_steps(self.recovery.recover(lost))
        if to_read(lost):
            await self.scan(self.recovery.collection, None)
        await self.publisher.publish_steps(self._withdrawing())

    async def _withdrawing(self) -> Steps:
        is_changed = False
        async for messages in self.recovery.withdraw():
            is_changed = True
            yield messages
        if is_changed:
            self.changed.set()

    async def _unless_it_fails(self, work: Callable[[], Awaitable[None]]) -> None:
        with WAITS.retrying(SWEEPING, partial(log.warning, "sweep.failed")):
            await work()
