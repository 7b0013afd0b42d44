"""Asks writing whether a version has room beside the dataset."""

from dataclasses import dataclass

import structlog

from services.discovery.ports.space import Space
from shared.bus.asking import ask
from shared.bus.broker import Bus
from shared.bus.registry.questions import DATASET_ROOM
from shared.contracts.room import AskRoom
from shared.errors import TransientError

WAIT_S = 2.0
"""Reading does not wait longer for an answer: what is read has room on the bus, too."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BusSpace:
    """See SpaceTeller."""

    bus: Bus

    async def space_for(self, collection: str, content_bytes: int, records: int) -> Space | None:
        """See SpaceTeller."""
        asked = AskRoom(content_bytes=content_bytes, records=records)
        try:
            client = await self.bus.connect()
            told = await ask(client, DATASET_ROOM, asked, of=collection, wait_s=WAIT_S)
        except TransientError as error:
            log.debug("room.unknown", collection=collection, error=str(error))
            return None
        return Space(told.free_bytes, told.needed_bytes)
