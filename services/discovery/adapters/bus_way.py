"""What the consumers on the way of a collection have left, and since when they are there."""

from dataclasses import dataclass

from services.discovery.domain.stalls import Holder, StageLoad
from shared.bus.broker import Bus
from shared.bus.connection import BUS_ERRORS
from shared.bus.registry.durables import (
    DISCOVERY_READS_SETTLED,
    DURABLES,
    EMBEDDING_READS_BATCHES,
    PROJECTION_READS_BATCHES,
    WRITING_READS_PROJECTION,
    Durable,
)
from shared.bus.topology import backlog, total_backlog

WAY: dict[Holder, Durable] = {
    "embedding": EMBEDDING_READS_BATCHES,
    "projection": PROJECTION_READS_BATCHES,
    "writing": WRITING_READS_PROJECTION,
    "discovery": DISCOVERY_READS_SETTLED,
}
"""Where each stage takes the batches from, or the news of them."""


@dataclass(frozen=True, slots=True)
class BusWay:
    """Asks the server; what it does not tell is none."""

    bus: Bus

    async def loads(self, collection: str) -> dict[Holder, StageLoad] | None:
        """Tell what each stage has before it."""
        loads: dict[Holder, StageLoad] = {}
        for stage, durable in WAY.items():
            try:
                left = await backlog(self.bus.js, durable, collection)
            except BUS_ERRORS:
                return None
            loads[stage] = StageLoad(left.total, left.settled_to)
        return loads

    async def births(self, collection: str) -> str | None:
        """Tell when the consumers on the way of a collection were made."""
        try:
            ways = [await backlog(self.bus.js, one, collection) for one in WAY.values()]
        except BUS_ERRORS:
            return None
        return " ".join(str(way.born) for way in ways)

    async def in_flight(self, collection: str) -> int | None:
        """Count what of a collection is on its way."""
        return await total_backlog(self.bus.js, DURABLES, [collection])

    async def waiting(self, collection: str) -> int | None:
        """Tell how many batches nobody has taken up yet."""
        try:
            return (await backlog(self.bus.js, EMBEDDING_READS_BATCHES, collection)).waiting
        except BUS_ERRORS:
            return None
