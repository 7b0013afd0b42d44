"""Makes the moments of a collection again, from what is stored of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import anyio.to_thread
import numpy as np

from services.projection.domain.counted import Counted, Recount
from services.projection.domain.moments import Moments
from services.projection.domain.movement import MovementFigures
from services.projection.domain.pending import Candidate
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.ports import Checkpoint, Everything, ProjectionStore, StoredMap
from shared.contracts.projection import ProjectionModel


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


Past = Literal["same", "unheard", "earlier", "another"]
UNKNOWN_REVISION = 0
"""An archived model does not say which moments it was fitted to: so it counts as stale."""


def archived_model(model: ProjectionModel) -> ModelVersion:
    """Read a model as it is archived beside the dataset.

    Raises:
        InvalidMessage: Its numbers are none.
    """
    moved = model.movement
    return ModelVersion(
        version=model.version,
        parent=model.parent,
        plane=model.plane(),
        explained_variance_ratio=model.explained_variance_ratio,
        explained_variance=model.explained_variance,
        record_count=model.record_count,
        reason=model.reason,
        created_at=model.created_at,
        revision=UNKNOWN_REVISION,
        movement=MovementFigures(**moved.model_dump()) if moved else None,
    )


async def rebuild(
    collection: str, *, stored: StoredMap, store: ProjectionStore, past: Past = "same"
) -> Rebuilt:
    """Count what is stored instead of what was counted, and keep what waits to be stored.

    The dataset is what was really mapped. What came and may yet be stored still counts, as it
    came; of what is stored, nothing is waited for and nothing is in doubt any more.

    Args:
        collection: Of which collection.
        stored: What is stored of it.
        store: The state.
        past: What the state had before. Where news of it was lost, what waits of versions that
            the dataset has replaced goes. Where it is not that of the dataset, so do models above
            the archived ones; of another dataset's, nothing that waits can ever be told to be
            stored.

    Raises:
        ConfigurationError: The stored state is of another version of this program.
        TransientError: Something could not be read or stored; nothing has changed, but for models
            that were missing.
    """
    archived = await anyio.to_thread.run_sync(stored.models)
    models = await store.adopt(collection, archived)
    if past in ("earlier", "another"):
        await store.drop_models(collection, archived[-1].version if archived else 0)
    state = await store.load(collection)
    found = await store.everything(collection)
    if past in ("unheard", "earlier"):
        found = _without_replaced(found, await anyio.to_thread.run_sync(stored.versions))
    elif past == "another":
        found = replace(found, candidates=(), over=found.candidates)
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


def _without_replaced(found: Everything, versions: Mapping[str, int]) -> Everything:
    """Let go of what waits in versions of which nothing can be told any more."""
    waiting = [
        one for one in found.candidates if one.source_version >= versions.get(one.source_id, 0)
    ]
    return replace(found, candidates=waiting, over=[*set(found.candidates) - set(waiting)])


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
        closed=[*found.over, *(one for one in found.candidates if one not in kept)],
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
