"""The durable consumers of collections on the bus: made, asked, removed."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.discovery.ports.resting import Left
from shared.bus.broker import Bus
from shared.bus.connection import BUS_ERRORS
from shared.bus.consumers import declare_consumers, remove_consumers
from shared.bus.emptiness import held_of
from shared.errors import TransientError


@dataclass(frozen=True, slots=True)
class BusConsumers:
    """Those that the table says."""

    bus: Bus

    async def make(self, collections: Iterable[str]) -> None:
        """See Consumers."""
        client = await self.bus.connect()
        async with _answered("the consumers cannot be made yet"):
            await declare_consumers(client, [*collections], self.bus.section.ack_wait_s)

    async def remove(self, collection: str) -> None:
        """See Consumers."""
        async with _answered("the consumers cannot be removed yet"):
            await remove_consumers(self.bus.js, collection)

    async def left(self, collection: str) -> Left:
        """See Consumers."""
        async with _answered("the consumers cannot be asked"):
            held = await held_of(self.bus.js, collection)
        return Left(held.messages, held.readers, held.places)


@asynccontextmanager
async def _answered(otherwise: str) -> AsyncIterator[None]:
    try:
        yield
    except BUS_ERRORS as error:
        raise TransientError(f"{otherwise}: {error!r}") from error
