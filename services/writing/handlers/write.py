"""Writes micro-batches: plan, retract, commit."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.writing.domain.micro_batch import (
    MicroBatchPlan,
    Piece,
    Verdict,
    plan_micro_batch,
)
from services.writing.domain.stored_state import StagedSource, StoreState
from services.writing.handlers.models import held_model
from services.writing.handlers.removed import removed
from services.writing.handlers.settled import Decided, News, committed, settle
from services.writing.handlers.staged import (
    Shown,
    not_stored,
    place,
    points_of,
    rows_that_wait,
    vectors_of,
)
from services.writing.ports import BatchVectors, DatasetStore, ModelArchive, Staging
from shared.clock import Clock
from shared.contracts.batches import Batch, projected_schema, require_columns
from shared.contracts.projection import ProjectionModel
from shared.contracts.writing import MapRemoved, WritingCommitted, WritingSettled
from shared.errors import InvalidMessage, TransientError
from shared.failpoints import Failpoint, reached


@dataclass(frozen=True, slots=True, eq=False)
class WritePlan:
    """A micro-batch, thought through."""

    batches: tuple[Batch, ...]
    """The valid ones, in the order of their delivery."""
    decided: MicroBatchPlan
    staged: Mapping[str, StagedSource]
    """What waited before."""
    invalid: tuple[tuple[Batch, InvalidMessage], ...]
    """Batches that can never be stored, and why; the others do not suffer from them."""


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What a commit means to others."""

    settled: WritingSettled
    """What became of each batch that came, for the stages that keep count."""
    committed: WritingCommitted | None
    """The same for anybody; none if no batch was valid."""
    removed: MapRemoved | None
    """What is on the map no more; none if all is that was."""
    points: tuple[Batch, ...]
    """The rows that are on the map now, batch by batch, without text and vectors."""


async def plan_write(
    batches: Sequence[Batch], *, store: DatasetStore, staging: Staging, models: ModelArchive
) -> WritePlan:
    """Decide what becomes of a micro-batch; nothing is changed yet.

    Args:
        batches: Deliveries of one collection in any order, with any repetition.
        store: The dataset.
        staging: What waits beside it.
        models: The models.

    Raises:
        TransientError: There is no model yet, or store, staging or archive could not be read.
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
    staged = dict(await staging.held())
    decided = plan_micro_batch([_piece(batch) for batch in valid], state.sources, staged)
    return WritePlan(tuple(valid), decided, staged, tuple(invalid))


async def retractions(
    plan: WritePlan, *, store: DatasetStore, staging: Staging
) -> AsyncIterator[BatchVectors]:
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
    async for unseen in vectors_of(staging, plan.decided.discarded):
        yield unseen
    staying = {batch.descriptor.batch_id for batch in _with(plan, Verdict.APPEND)}
    async for retraction in store.rows_of(plan.decided.removals):
        if retraction.batch_id not in staying:
            yield retraction


async def commit_write(
    plan: WritePlan, *, store: DatasetStore, staging: Staging, models: ModelArchive, clock: Clock
) -> Written:
    """Carry out a plan. No other write and no model may have come in between.

    First the dataset, in one step, then the staging: what a crash leaves in it is stored already,
    or comes again with the message.

    Raises:
        StaleModelError: A model was applied in between; plan again.
        DiskFullError: There is no room; nothing was changed.
        TransientError: The store could not be read or written.
    """
    model = await held_model(store=store, models=models)
    append = [place(batch, model) for batch in _with(plan, Verdict.APPEND)]
    if plan.decided.retracted or plan.decided.removals or plan.decided.discarded:
        reached(Failpoint.RETRACTED)
    decided, shown = plan.decided, Shown()
    waiting = not_stored(decided.shown, plan.staged, await store.state())
    more = shown.placing(staging.scan(waiting), model)
    state = await store.commit(append, decided.removals, decided.emptied, more)
    reached(Failpoint.COMMITTED)
    stays = list(_with(plan, Verdict.STAGE))
    waits = await rows_that_wait([one for one in stays if len(one)], plan.staged, staging)
    lower = {source: version - 1 for source, version in decided.discarded.items()}
    await staging.change(stays, {**lower, **decided.shown})
    if stays:
        reached(Failpoint.STAGED)
    news = News(
        came=(
            *(Decided(batch, None) for batch, _ in plan.invalid),
            *map(Decided, plan.batches, decided.verdicts),
        ),
        shown=_shown(plan),
        gone={source: plan.staged[source] for source in decided.discarded},
        rows={**waits, **shown.rows},
    )
    settled = await settle(news, state, store=store, clock=clock)
    known = [place(batch, model) for batch in _with(plan, Verdict.DUPLICATE)]
    by_id = {batch.descriptor.batch_id: points_of(batch) for batch in (*known, *append)}
    by_id |= {batch.descriptor.batch_id: batch for batch in shown.points}
    told = committed(news.came, settled)
    return Written(
        settled,
        told,
        removed(news.came, decided.removals, told),
        tuple(points for points in by_id.values() if len(points)),
    )


def _shown(plan: WritePlan) -> dict[str, int]:
    """Return the versions that are shown as a whole: now, or by an earlier delivery."""
    facts = (batch.descriptor for batch in _with(plan, Verdict.APPEND))
    again = {one.source_id: one.source_version for one in facts if one.shows}
    return {**plan.decided.shown, **again}


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
    can_wait = one.can_wait and not (one.is_whole or one.shows)
    return Piece(one.batch_id, one.source_id, one.source_version, len(batch), can_wait)


def _with(plan: WritePlan, wanted: Verdict) -> Iterable[Batch]:
    pairs = zip(plan.batches, plan.decided.verdicts, strict=True)
    return (batch for batch, verdict in pairs if verdict is wanted)
