"""Reads what was told last of the regions of a map."""

from dataclasses import dataclass

import structlog
from nats.aio.client import Client
from pydantic import ValidationError

from shared.bus.connection import BUS_ERRORS
from shared.bus.reading.direct_get import read_last
from shared.bus.registry.labels import MAP_LABELS
from shared.contracts.labels import MapLabels
from shared.errors import BusAway

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LabelLog:
    """The labels of all collections, as one connection sees them."""

    client: Client

    async def last(self, collection: str) -> MapLabels | None:
        """Return a collection's last labels; nothing if the stream has none that can be read.

        Raises:
            BusAway: The bus did not answer.
        """
        subject = MAP_LABELS.subject(collection)
        try:
            stored = await read_last(self.client, MAP_LABELS.stream, subject)
        except BUS_ERRORS as error:
            raise BusAway(f"stream {MAP_LABELS.stream}: {error!r}") from error
        try:
            return MapLabels.model_validate_json(stored.data) if stored else None
        except ValidationError as error:
            log.warning("labels.unreadable", collection=collection, error=str(error))
            return None
