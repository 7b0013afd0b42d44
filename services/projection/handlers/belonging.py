"""Finds out whether the state belongs to the dataset, and makes it again where it is lost."""

import structlog

from services.projection.domain.state import CollectionState
from services.projection.handlers.rebuild import Past, rebuild
from services.projection.ports import ALL_HEARD, ProjectionStore, StoredMap
from shared.belonging import Belonging
from shared.errors import TransientError
from shared.history import Verdict

MOST_TRIES = 3
"""Each makes the state again from what is stored then."""
log = structlog.get_logger(__name__)


async def load(
    collection: str,
    *,
    store: ProjectionStore,
    belonging: Belonging,
    stored: StoredMap,
    hears_since: str,
) -> CollectionState:
    """Load the state of a collection; one that is lost or too old is made from the dataset first.

    So is one that has not counted all that is stored, or not been told what became of what is
    pending. While nobody tells about the dataset it is taken as it is, and compared later.

    Args:
        collection: Its name.
        store: Where it is.
        belonging: Says to which dataset it belongs.
        stored: What the dataset has.
        hears_since: When the consumer was made that brings the news of what is stored: one that is
            lost has lost news, and another one of its name does not bring them.

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
    heard = await store.heard_since(collection)
    state.has_missed_news = state.pending > 0 and heard not in {None, ALL_HEARD, hears_since}
    if (state.in_doubt or state.has_missed_news) and belonging.is_compared:
        past: Past = "unheard" if state.has_missed_news else "same"
        made = await rebuild(collection, stored=stored, store=store, past=past)
        state = await store.load(collection)
        log.warning("state.counted_anew", collection=collection, records=made.records)
    if heard != hears_since and not state.has_missed_news:
        await store.keep_heard_since(collection, hears_since)
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
