"""Finds out whether the ledger belongs to the dataset; a lost one goes on from there."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from services.discovery.domain.sources import HeldSource
from services.discovery.ports import HistoryStore
from shared.belonging import Belonging
from shared.clock import Clock
from shared.errors import TransientError

MOST_TRIES = 3
"""Each takes over what the dataset has then."""
Held = Callable[[], Awaitable[Sequence[HeldSource]]]
log = structlog.get_logger(__name__)


async def belong(
    collection: str, *, store: HistoryStore, belonging: Belonging, held: Held, clock: Clock
) -> None:
    """Open the history of the ledger; one that is lost takes over what the dataset has.

    While nobody tells about the dataset, the ledger is taken as it is, and compared later.

    Raises:
        ConfigurationError: It belongs to another dataset, or one of the two is too old.
        TransientError: Something could not be read or stored.
    """
    position, holds_rows = await store.position(collection)
    await belonging.open(position, holds_rows=holds_rows)
    for _ in range(MOST_TRIES):
        try:
            verdict = await belonging.compare()
        except TransientError as error:
            log.debug("history.unknown", collection=collection, error=str(error))
            return
        if not belonging.is_to_be_made_again(verdict):
            return
        log.warning("ledger.taking_over", collection=collection, what=str(verdict))
        sources = await held()
        await store.take_over(collection, sources, clock.now())
        position, _ = await store.position(collection)
        await belonging.renew(position)
        log.warning("ledger.took_over", collection=collection, sources=len(sources))
