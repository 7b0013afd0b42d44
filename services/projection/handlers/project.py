"""Counts vectors once, and projects batches."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import anyio.to_thread
import numpy as np
import pyarrow as pa

from services.projection.domain.counted import Counted, Recount, recount
from services.projection.domain.refits import HeldRefit, Rules
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.handlers.arrivals import Arrived, sort_out
from services.projection.handlers.checkpoint import save
from services.projection.handlers.refit import consider
from services.projection.ports import Checkpoint, ProjectionStore
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.dead_batches import dead_batch, dead_record
from shared.contracts.dead_letters import DeadLetter
from shared.usable_vectors import UNUSABLE, usable_rows

STAGE = "projection"


@dataclass(slots=True)
class Projected:
    """What a micro-batch came to, in the order in which it must be published."""

    model: ModelVersion | None = None
    held: HeldRefit | None = None
    """An automatic refit that would have moved the points too far."""
    batches: list[Batch] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


async def project(
    batches: Sequence[Batch],
    *,
    state: CollectionState,
    store: ProjectionStore,
    clock: Clock,
    rules: Rules,
) -> Projected:
    """Count the vectors of a micro-batch and project it.

    Every batch is counted once, whatever is delivered twice; all are projected every time, since
    nobody knows whether an earlier delivery got as far as being published.

    Returns:
        The batches with x and y, all of one model, and that model if it is new; the checkpoint is
        stored. Records and batches that no model can take are dead letters instead.

    Raises:
        TransientError: The checkpoint could not be stored; nothing has changed.
    """
    result = Projected()
    async with state.changing:
        usable = _usable(batches, state, result)
        arrived = await sort_out(usable, state, store)
        counted = await anyio.to_thread.run_sync(_count, state.moments, arrived.counted)
        moments = counted.counted if counted else state.moments
        if moments is not None:
            revision = state.revision + bool(arrived.counted)
            watch = replace(state.drift)
            verdict = await consider(state, watch, moments, revision, clock, rules)
            result.model = verdict if isinstance(verdict, ModelVersion) else None
            result.held = verdict if isinstance(verdict, HeldRefit) else None
            if verdict or not arrived.is_empty:
                await save(_checkpoint(state, arrived, counted, revision, result), state, store)
            if result.model is None:
                state.drift = watch
            if result.held:
                state.hold(result.held)
    result.batches = [_with_coordinates(batch, state.model) for batch in usable]
    return result


def _checkpoint(
    state: CollectionState,
    arrived: Arrived,
    counted: Recount | None,
    revision: int,
    result: Projected,
) -> Checkpoint:
    return Checkpoint(
        collection=state.collection,
        recount=counted,
        revision=revision,
        applied=arrived.applied,
        journalled=arrived.journalled,
        floors=arrived.floors,
        cleared=arrived.cleared,
        model=result.model,
        owes_refit=state.owes_refit and result.model is None,
        forgotten_version=state.forgotten_version,
        held=None if result.model else result.held or state.held,
    )


def _usable(batches: Sequence[Batch], state: CollectionState, result: Projected) -> list[Batch]:
    """Set apart what no model takes: batches of another dimension, vectors that are unusable."""
    dimension = state.moments.dimension if state.moments else None
    usable: list[Batch] = []
    for batch in batches:
        if not len(batch):
            usable.append(batch)
            continue
        vectors = batch.vectors
        dimension = dimension or vectors.shape[1]
        if vectors.shape[1] != dimension:
            reason = (
                f"vectors of dimension {vectors.shape[1]} in a collection of dimension "
                f"{dimension}: use another collection for another embedding model"
            )
            result.dead.append(dead_batch(batch, reason, stage=STAGE))
            continue
        usable.append(_usable_part(batch, vectors, result))
    return usable


def _usable_part(batch: Batch, vectors: np.ndarray, result: Projected) -> Batch:
    usable = usable_rows(vectors)
    if usable.all():
        return batch
    for row in np.flatnonzero(~usable):
        result.dead.append(dead_record(batch, int(row), UNUSABLE, stage=STAGE))
    return Batch(batch.descriptor, batch.rows.filter(pa.array(usable)))


def _count(before: Counted | None, batches: Sequence[Batch]) -> Recount | None:
    if not batches:
        return None
    into = {batch.descriptor.batch_id: batch.vectors for batch in batches}
    return recount(before or Counted(batches[0].vectors.shape[1]), into=into)


def _with_coordinates(batch: Batch, model: ModelVersion | None) -> Batch:
    rows = batch.rows
    points = np.empty((0, 2), dtype=np.float32)
    if len(batch):
        assert model is not None, "a counted batch always leads to a model"  # noqa: S101
        points = model.plane.project(batch.vectors)
    for axis, name in enumerate(("x", "y")):
        values = pa.array(np.ascontiguousarray(points[:, axis]), pa.float32())
        rows = rows.append_column(pa.field(name, pa.float32(), nullable=False), values)
    version = {"model_version": model.version if model else None}
    return Batch(batch.descriptor.model_copy(update=version), rows)
