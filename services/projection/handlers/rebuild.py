"""Makes the moments of a collection again, from what is stored of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import anyio.to_thread
import numpy as np

from services.projection.domain.counted import Counted, Recount
from services.projection.domain.moments import Moments
from services.projection.domain.pending import Candidate
from services.projection.domain.state import CollectionState
from services.projection.ports import Checkpoint, Everything, ProjectionStore, StoredMap


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was made again."""

    records: int
    batches: int
    models: int
    """So many were missing, and are as they are archived."""


@dataclass(slots=True)
class _Counted:
    """What the stored rows are."""

    moments: Moments | None
    batches: Counter[str]


async def rebuild(collection: str, *, stored: StoredMap, store: ProjectionStore) -> Rebuilt:
    """Count what is stored instead of what was counted, and keep what waits to be stored.

    The dataset is what was really mapped. What came and may yet be stored still counts, as it
    came; of what is stored, nothing is waited for and nothing is in doubt any more.

    Raises:
        ConfigurationError: The stored state is of another version of this program.
        TransientError: Something could not be read or stored; nothing has changed, but for models
            that were missing.
    """
    models = await store.adopt(collection, stored.models())
    state = await store.load(collection)
    found = await store.everything(collection)
    counted = await anyio.to_thread.run_sync(_count, stored)
    checkpoint = await _checkpoint(counted, found, state, store)
    await store.save(checkpoint)
    records = checkpoint.recount.counted.count if checkpoint.recount else 0
    return Rebuilt(records, len(counted.batches), models)


def _count(stored: StoredMap) -> _Counted:
    counted = _Counted(None, Counter())
    for batch_ids, vectors in stored.vectors():
        part = Moments.of(vectors)
        counted.moments = part if counted.moments is None else counted.moments.merge(part)
        counted.batches.update(batch_ids)
    return counted


async def _checkpoint(
    counted: _Counted, found: Everything, state: CollectionState, store: ProjectionStore
) -> Checkpoint:
    waiting = [one for one in found.candidates if one.batch_id not in counted.batches]
    kept = await store.vectors(state.collection, waiting)
    still = {one.batch_id for one in kept if one.is_counted}
    over = {one for one, is_counted in found.batches.items() if is_counted} - still
    return Checkpoint(
        collection=state.collection,
        recount=_with_waiting(counted.moments, kept, state),
        revision=state.revision + 1,
        applied=counted.batches,
        disowned=[*(over | (counted.batches.keys() & found.batches.keys()))],
        closed=[one for one in found.candidates if one not in kept],
        cleared=found.in_doubt,
        owes_refit=state.owes_refit,
        forgotten_version=state.forgotten_version,
        held=state.held,
    )


def _with_waiting(
    moments: Moments | None, kept: Mapping[Candidate, np.ndarray], state: CollectionState
) -> Recount | None:
    for one, vectors in kept.items():
        if one.is_counted:
            part = Moments.of(vectors)
            moments = part if moments is None else moments.merge(part)
    if moments is not None:
        return Recount(counted=Counted(moments.dimension, moments), is_folded=True)
    if state.moments is not None:
        return Recount(counted=Counted(state.moments.dimension), is_folded=True)
    return None
