"""Writes micro-batches: plan, retract, commit."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from services.writing.domain.micro_batch import (
    MicroBatchPlan,
    Piece,
    Verdict,
    plan_micro_batch,
)
from services.writing.domain.stored_state import StoreState
from services.writing.handlers.models import held_model
from services.writing.handlers.settled import Decided, committed, settle
from services.writing.ports import BatchVectors, DatasetStore, ModelArchive
from shared.clock import Clock
from shared.contracts.batches import POINT_SCHEMA, Batch, projected_schema, require_columns
from shared.contracts.projection import ProjectionModel
from shared.contracts.writing import WritingCommitted, WritingSettled
from shared.errors import InvalidMessage, TransientError
from shared.failpoints import Failpoint, reached


@dataclass(frozen=True, slots=True, eq=False)
class WritePlan:
    """A micro-batch, thought through."""

    batches: tuple[Batch, ...]
    """The valid ones, in the order of their delivery."""
    decided: MicroBatchPlan
    invalid: tuple[tuple[Batch, InvalidMessage], ...]
    """Batches that can never be stored, and why; the others do not suffer from them."""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What a commit means to others."""

    settled: WritingSettled
    """What became of each batch that came, for the stages that keep count."""
    committed: WritingCommitted | None
    """The same for anybody; none if no batch was valid."""
    points: tuple[Batch, ...]
    """The rows that are on the map now, batch by batch, without text and vectors."""


async def plan_write(
    batches: Sequence[Batch], *, store: DatasetStore, models: ModelArchive
) -> WritePlan:
    """Decide what becomes of a micro-batch; nothing is changed yet.

    Args:
        batches: Deliveries of one collection in any order, with any repetition.
        store: The dataset.
        models: The models.

    Raises:
        TransientError: There is no model yet, or store or archive could not be read.
    """
    state = await store.state()
    model = await held_model(store=store, models=models)
    valid, invalid = [], []
    for batch in batches:
        try:
            _require_valid(batch, state, model)
        except InvalidMessage as error:
            invalid.append((batch, error))
        else:
            valid.append(batch)
    decided = plan_micro_batch([_piece(batch) for batch in valid], state.sources)
    return WritePlan(tuple(valid), decided, tuple(invalid))


async def retractions(plan: WritePlan, *, store: DatasetStore) -> AsyncIterator[BatchVectors]:
    """Give out the vectors that a plan takes off the map, before it is carried out.

    Each batch id comes at most once. They must have left the moments before ``commit_write``:
    after it the rows are gone, and nobody else has their vectors. After a crash in between the
    same ones come again.

    Raises:
        TransientError: The store could not be read.
    """
    for position in plan.decided.retracted:
        batch = plan.batches[position]
        yield BatchVectors(batch.descriptor.batch_id, batch.vectors)
    staying = {batch.descriptor.batch_id for batch in _with(plan, Verdict.APPEND)}
    async for retraction in store.rows_of(plan.decided.removals):
        if retraction.batch_id not in staying:
            yield retraction


async def commit_write(
    plan: WritePlan, *, store: DatasetStore, models: ModelArchive, clock: Clock
) -> Written:
    """Carry out a plan. No other write and no model may have come in between.

    Raises:
        StaleModelError: A model was applied in between; plan again.
        DiskFullError: There is no room; nothing was changed.
        TransientError: The store could not be read or written.
    """
    model = await held_model(store=store, models=models)
    append = [_place(batch, model) for batch in _with(plan, Verdict.APPEND)]
    if plan.decided.retracted or plan.decided.removals:
        reached(Failpoint.RETRACTED)
    state = await store.commit(append, plan.decided.removals, plan.decided.emptied)
    reached(Failpoint.COMMITTED)
    decided = [
        *(Decided(batch, None) for batch, _ in plan.invalid),
        *map(Decided, plan.batches, plan.decided.verdicts),
    ]
    settled = await settle(decided, state, store=store, clock=clock)
    known = [_place(batch, model) for batch in _with(plan, Verdict.DUPLICATE)]
    by_id = {batch.descriptor.batch_id: batch for batch in (*known, *append)}
    return Written(
        settled,
        committed(decided, settled),
        tuple(_points(batch) for batch in by_id.values() if len(batch)),
    )


def _require_valid(batch: Batch, state: StoreState, model: ProjectionModel | None) -> None:
    """Check that a batch can be stored.

    Raises:
        InvalidMessage: It never can.
        TransientError: There is no model yet.
    """
    if not len(batch):
        return
    if model is None:
        raise TransientError("no model yet")
    dimension = state.dimension or model.dimension
    require_columns(batch.rows, projected_schema(dimension))
    columns = (batch.vectors, batch.rows.column("x"), batch.rows.column("y"))
    if not all(np.isfinite(np.asarray(column)).all() for column in columns):
        raise InvalidMessage("the batch holds NaN or infinite values")


def _piece(batch: Batch) -> Piece:
    one = batch.descriptor
    return Piece(one.batch_id, one.source_id, one.source_version, len(batch))


def _with(plan: WritePlan, wanted: Verdict) -> Iterable[Batch]:
    pairs = zip(plan.batches, plan.decided.verdicts, strict=True)
    return (batch for batch, verdict in pairs if verdict is wanted)


def _place(batch: Batch, model: ProjectionModel | None) -> Batch:
    """Return the batch with the coordinates of this model."""
    if not len(batch) or model is None or batch.descriptor.model_version == model.version:
        return batch
    places = model.plane().project(batch.vectors)
    rows = batch.rows
    for axis, name in enumerate(("x", "y")):
        position = rows.schema.get_field_index(name)
        rows = rows.set_column(position, rows.schema.field(position), pa.array(places[:, axis]))
    return Batch(batch.descriptor.model_copy(update={"model_version": model.version}), rows)


def _points(batch: Batch) -> Batch:
    """Return what ``map.points`` says of a batch."""
    version = pa.scalar(batch.descriptor.model_version, pa.int32())
    columns = [
        pa.repeat(version, len(batch))
        if field.name == "model_version"
        else batch.rows.column(field.name)
        for field in POINT_SCHEMA
    ]
    return Batch(batch.descriptor, pa.RecordBatch.from_arrays(columns, schema=POINT_SCHEMA))
