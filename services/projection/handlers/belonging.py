"""Finds out whether the state belongs to the dataset, and makes it again where it is lost."""

import structlog

from services.projection.domain.state import CollectionState
from services.projection.handlers.rebuild import rebuild
from services.projection.ports import ProjectionStore, StoredMap
from shared.belonging import Belonging
from shared.errors import TransientError
from shared.history import Verdict

MOST_TRIES = 3
"""Each makes the state again from what is stored then."""
log = structlog.get_logger(__name__)


async def load(
    collection: str, *, store: ProjectionStore, belonging: Belonging, stored: StoredMap
) -> CollectionState:
    """Load the state of a collection; one that is lost or too old is made from the dataset first.

    So is one that has not counted all that is stored. While nobody tells about the dataset it is
    taken as it is, and compared later.

    Raises:
        ConfigurationError: It belongs to another dataset, or is of another version.
        TransientError: Something could not be read or stored.
    """
    state = await store.load(collection)
    await belonging.open(state.revision)
    for _ in range(MOST_TRIES):
        try:
            verdict = await belonging.compare()
        except TransientError as error:
            log.debug("history.unknown", collection=collection, error=str(error))
            break
        if not belonging.is_to_be_made_again(verdict):
            break
        state = await _take_up(collection, verdict, store, belonging, stored)
    if state.in_doubt and belonging.is_compared:
        made = await rebuild(collection, stored=stored, store=store, past="same")
        state = await store.load(collection)
        log.warning("state.counted_anew", collection=collection, records=made.records)
    return state


async def _take_up(
    collection: str,
    verdict: Verdict,
    store: ProjectionStore,
    belonging: Belonging,
    stored: StoredMap,
) -> CollectionState:
    log.warning("state.taken_up", collection=collection, what=str(verdict))
    made = await rebuild(collection, stored=stored, store=store, past="earlier")
    state = await store.load(collection)
    await belonging.renew(state.revision)
    log.warning(
        "state.made_again", collection=collection, records=made.records, models=made.models
    )
    return state
