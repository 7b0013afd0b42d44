"""Since when the consumer is there that brings the news of what is stored."""

from shared.bus.broker import Bus
from shared.bus.connection import BUS_ERRORS
from shared.bus.registry.durables import PROJECTION_READS_SETTLED
from shared.bus.topology import backlog
from shared.errors import TransientError


async def heard_since(bus: Bus, collection: str) -> str:
    """Ask the server when that consumer was made.

    Raises:
        TransientError: It does not tell now.
    """
    try:
        return str((await backlog(bus.js, PROJECTION_READS_SETTLED, collection)).born)
    except BUS_ERRORS as error:
        raise TransientError(f"the bus does not tell who brings the news: {error!r}") from error
