"""Takes vectors that left the dataset out of the moments."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.projection.domain.moments import Moments
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

    What is to be forgotten may have left them before, as a replaced version: then the model is
    what still remembers it.

    Raises:
        InvalidMessage: The vectors cannot be those that were counted.
        TransientError: The checkpoint could not be stored; nothing has changed.
    """
    async with state.changing:
        known = await store.known(state.collection, [r.batch_id for r in retractions])
        counted = {r.batch_id: r for r in retractions if known.get(r.batch_id)}
        is_forgotten = any(r.is_forgotten and r.batch_id in known for r in retractions)
        is_remembered = is_forgotten and state.is_stale and not state.owes_refit
        if state.moments is None or not (counted or is_remembered):
            return
        moments = state.moments
        for retraction in counted.values():
            moments = _without(moments, retraction)
        version = state.model.version if state.model and is_forgotten else 0
        checkpoint = Checkpoint(
            collection=state.collection,
            moments=moments,
            revision=state.revision + bool(counted),
            applied={},
            retracted=list(counted),
            owes_refit=state.owes_refit or is_forgotten,
            forgotten_version=max(state.forgotten_version, version),
            held=state.held,
        )
        await save(checkpoint, state, store)


def _without(moments: Moments, retraction: Retraction) -> Moments:
    if not np.isfinite(retraction.vectors).all():
        raise InvalidMessage(f"the vectors of {retraction.batch_id} hold NaN or infinite values")
    try:
        return moments.subtract(Moments.of(retraction.vectors))
    except ValueError as error:
        raise InvalidMessage(f"{retraction.batch_id} was never counted so: {error}") from error
