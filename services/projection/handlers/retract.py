"""Takes vectors that left the dataset out of the moments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import anyio.to_thread
import numpy as np

from services.projection.domain.counted import Counted, Recount, recount
from services.projection.domain.pending import Candidate
from services.projection.domain.state import CollectionState
from services.projection.handlers.checkpoint import save
from services.projection.ports import Checkpoint, ProjectionStore
from shared.errors import InvalidMessage


@dataclass(frozen=True, slots=True)
class Retraction:
    """Vectors of one batch that left the dataset."""

    batch_id: str
    vectors: np.ndarray
    is_forgotten: bool = False
    """Whether the model is to forget them, too."""


async def retract(
    retractions: Sequence[Retraction], *, state: CollectionState, store: ProjectionStore
) -> None:
    """Take batches out of the moments, each at most once, and only if it was counted.

    What was not told to be stored yet leaves as it was counted, whatever was stored. What is to
    be forgotten may have left before, as a replaced version: then the model is what still
    remembers it.

    Raises:
        InvalidMessage: The vectors cannot be those that were counted.
        TransientError: The checkpoint could not be stored; nothing has changed.
    """
    async with state.changing:
        ids = [one.batch_id for one in retractions]
        known = await store.known(state.collection, ids)
        candidates = await store.candidates(state.collection, ids)
        counted = {r.batch_id: r.vectors for r in retractions if known.get(r.batch_id)}
        waiting = [one for one in candidates if one.is_counted and one.batch_id in counted]
        kept = await store.vectors(state.collection, waiting)
        counted |= {one.batch_id: vectors for one, vectors in kept.items()}
        is_forgotten = any(r.is_forgotten and r.batch_id in known for r in retractions)
        is_remembered = is_forgotten and state.is_stale and not state.owes_refit
        is_new = bool(counted or candidates or state.in_doubt)
        if state.moments is None or not (is_new or is_remembered):
            return
        uncounted = _uncounted(candidates, known)
        version = state.model.version if state.model and is_forgotten else 0
        checkpoint = Checkpoint(
            collection=state.collection,
            recount=await _without(state.moments, counted),
            revision=state.revision + bool(counted),
            applied=uncounted,
            retracted=[*counted, *uncounted],
            closed=candidates,
            cleared=ids,
            owes_refit=state.owes_refit or is_forgotten,
            forgotten_version=max(state.forgotten_version, version),
            held=state.held,
        )
        await save(checkpoint, state, store)


def _uncounted(candidates: Sequence[Candidate], known: Mapping[str, bool]) -> dict[str, int]:
    """Return those that never counted: they are not to when they are told to have been stored."""
    return {one.batch_id: one.records for one in candidates if one.batch_id not in known}


async def _without(before: Counted, counted: Mapping[str, np.ndarray]) -> Recount | None:
    for batch_id, vectors in counted.items():
        if not np.isfinite(vectors).all():
            raise InvalidMessage(f"the vectors of {batch_id} hold NaN or infinite values")
    if not counted:
        return None
    try:
        return await anyio.to_thread.run_sync(partial(recount, before, out=counted))
    except ValueError as error:
        raise InvalidMessage(f"this was never counted so: {error}") from error
