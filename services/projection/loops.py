"""What the service does by itself: it fits a model anew when records were forgotten."""

import asyncio
from functools import partial

import structlog

from services.projection.handlers.projector import Projector
from shared.bus.publishing.publisher import Publisher
from shared.waits import WAITS

QUIET_S = 0.5
REFIT = "the refit after a source was forgotten"
log = structlog.get_logger(__name__)


async def forget_when_quiet(projector: Projector, publisher: Publisher) -> None:
    """Make the refit that is owed to forgotten records, when no more of them come, for ever."""
    revision = -1
    while True:
        await asyncio.sleep(QUIET_S)
        if not projector.state.owes_refit:
            continue
        if revision != projector.state.revision:
            revision = projector.state.revision
            continue
        with WAITS.retrying(REFIT, partial(log.warning, "refit.postponed")):
            await publisher.publish_steps(projector.forget())
