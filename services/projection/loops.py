"""What the service does by itself, when it starts and when records were forgotten."""

import asyncio
from functools import partial

import structlog

from services.projection.handlers.projector import Projector
from services.projection.ports import ALL_HEARD, ProjectionStore
from shared.belonging import Belonging
from shared.bus.publishing.publisher import Publisher
from shared.errors import BeginAnew, TransientError
from shared.waits import WAITS, pause

QUIET_S = 0.5
AGAIN_S = 1.0
DOUBT_S = 5.0
"""So long a batch may be in doubt: a copy of what is stored may be on its way."""
UNTOLD = "telling of models that a crash has cut off"
REFIT = "the refit after a source was forgotten"
log = structlog.get_logger(__name__)


async def resume(projector: Projector, publisher: Publisher) -> None:
    """Tell what a crash has cut off; on a full disk, wait until that can be noted."""
    with WAITS.trying(UNTOLD) as trial:
        while True:
            try:
                await publisher.publish_steps(projector.resume())
            except TransientError as error:
                log.warning("start.postponed", error=str(error))
                trial.failed(error)
                await pause(AGAIN_S)
            else:
                return


async def finish(projector: Projector, store: ProjectionStore) -> None:
    """Return when no refit is owed to forgotten records, and it is noted that all was heard.

    What waits now is a version that is held back, of which nothing is told before it is shown.
    """
    await asyncio.sleep(QUIET_S / 10)  # whoever leaves in a hurry does not wait for this
    while projector.state.owes_refit:  # noqa: ASYNC110  it is a state
        await asyncio.sleep(QUIET_S / 10)
    try:
        await store.keep_heard_since(projector.state.collection, ALL_HEARD)
    except TransientError as error:
        log.warning("rest.not_noted", collection=projector.state.collection, error=str(error))


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


async def count_anew_in_doubt(projector: Projector, belonging: Belonging) -> None:
    """Wait until what is stored is not what counts for a while, and the dataset is there.

    Raises:
        BeginAnew: Its vectors are to be had from the dataset alone.
    """
    was_in_doubt = False
    while True:
        await asyncio.sleep(DOUBT_S)
        state = projector.state
        doubts = state.in_doubt or (state.pending if state.has_missed_news else 0)
        batches = doubts if belonging.is_compared else 0
        if was_in_doubt and batches:
            raise BeginAnew(
                f"collection {state.collection}: {batches} batches are stored and not counted, or "
                "counted, and it was not heard what became of them"
            )
        was_in_doubt = batches > 0
