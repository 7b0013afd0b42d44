"""Publishes to one durable consumer and waits until it has handled that.

What is about to be destroyed here on the strength of a message must have had its effect there:
a message that is merely stored is lost if the bus loses its data.
"""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import dataclass
from time import monotonic

from shared.bus.broker import Bus
from shared.bus.connection import BUS_ERRORS
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.durables import Durable
from shared.bus.topology import Backlog, backlog
from shared.errors import TransientError
from shared.waits import WAITS

PATIENCE_S = 5.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class BusHandover:
    """The way to one durable consumer, whose messages all come from here."""

    bus: Bus
    durable: Durable
    collection: str
    patience_s: float = PATIENCE_S
    """How long the consumer may make no progress."""

    async def deliver(self, messages: AsyncIterable[Outgoing]) -> None:
        """Publish messages, and return when the consumer has settled the last of them.

        Raises:
            TransientError: It makes no progress, or the bus has lost its data meanwhile; to
                deliver the same messages once more is harmless.
        """
        consumer, last = None, 0
        async for message in messages:
            consumer = consumer or await self._look()
            # What was sent before has its place from then.
            last = max(last, await self.bus.publisher.publish(message))
        if consumer is not None:
            with WAITS.trying(self._name):
                await self._settled(consumer, last)

    async def _settled(self, before: Backlog, last: int) -> None:
        settled_to, since = -1, monotonic()
        while settled_to < last:
            now = await self._look()
            if now.born != before.born:
                raise TransientError(f"{self._name} is not the one that was published to")
            if now.settled_to > settled_to:
                settled_to, since = now.settled_to, monotonic()
            elif monotonic() - since > self.patience_s:
                raise TransientError(f"{self._name} does not handle what it was sent")
            await asyncio.sleep(POLL_S)

    async def _look(self) -> Backlog:
        try:
            with WAITS.trying(self._name):
                return await backlog(self.bus.js, self.durable, self.collection)
        except BUS_ERRORS as error:
            raise TransientError(f"{self._name} cannot be asked: {error!r}") from error

    @property
    def _name(self) -> str:
        return f"the consumer {self.durable.name(self.collection)}"
