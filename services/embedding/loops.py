"""What the service does by itself: it tells when an embedding server goes and comes."""

import asyncio

import structlog

from services.embedding.domain.backoff import ServerHealth
from shared.waits import WAITS

EVERY_S = 1.0
REMIND_S = 60.0
SERVER = "the embedding server"
log = structlog.get_logger(__name__)


async def tell_outages(collection: str, health: ServerHealth) -> None:
    """Log when an outage begins, now and then while it lasts, and when it is over."""
    waited_s = 0.0
    was_blocked = False
    key = (SERVER, collection)
    try:
        while True:
            await asyncio.sleep(EVERY_S)
            if health.blocked:
                WAITS.failed(SERVER, health.blocked, key=key)
                waited_s += EVERY_S
                if not was_blocked or waited_s >= REMIND_S:
                    log.error("embedder.blocked", collection=collection, reason=health.blocked)
                    waited_s = 0.0
            elif was_blocked:
                log.info("embedder.recovered", collection=collection)
                WAITS.over(key)
            was_blocked = health.blocked is not None
    finally:
        WAITS.over(key)
