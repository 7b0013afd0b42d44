"""Writes micro-batches: plan, retract, commit."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from services.writing.domain.micro_batch import (
    MicroBatchPlan,
    Piece,
    Verdict,
    plan_micro_batch,
)
from services.writing.domain.stored_state import StagedSource, StoreState
from services.writing.handlers.models import held_model
from services.writing.handlers.moved import Moved, emptied_pieces, moves_of, rows_moved
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
from shared.contracts.batches import Batch, BatchDescriptor, projected_schema, require_columns
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
    """What of these is decided first, then what is of sources that were moved away."""
    staged: Mapping[str, StagedSource]
    """What waited before."""
    moves: Mapping[str, BatchDescriptor]
    """What gives the rows of a source another name, by the source under the name before."""
    invalid: tuple[tuple[Batch, InvalidMessage], ...]
    """Batches that can never be stored, and why; the others do not suffer from them."""

    @property
    def came(self) -> Sequence[Decided]:
        """All that came; what is decided of sources that were moved away is of no batch."""
        decided = map(Decided, self.batches, self.decided.verdicts)
        return *(Decided(batch, None) for batch, _ in self.invalid), *decided

    @property
    def has_lost_moves(self) -> bool:
        """Whether rows leave because what they were moved to is over already."""
        moving = (one.descriptor.moved_from for one in self.batches)
        before = {one.source_id for one in moving if one} - self.moves.keys()
        return not before.isdisjoint(self.decided.removals)

    @property
    def emptied(self) -> Mapping[str, int]:
        """What no row tells of after this; of a source that gets rows by a move, they do."""
        told = {to.source_id for one, to in self.moves.items() if one in self.decided.removals}
        return {key: value for key, value in self.decided.emptied.items() if key not in told}


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
    pieces = [*map(_piece, valid), *emptied_pieces(valid)]
    decided = plan_micro_batch(pieces, state.sources, staged)
    moves = moves_of(valid, decided.verdicts, state.sources)
    return WritePlan(tuple(valid), decided, staged, moves, tuple(invalid))


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
    removals = plan.decided.removals
    leaving = {key: value for key, value in removals.items() if key not in plan.moves}
    async for retraction in store.rows_of(leaving):
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
    decided, shown, moved = plan.decided, Shown(), Moved(plan.moves)
    waiting = not_stored(decided.shown, plan.staged, await store.state())
    renamed = moved.renaming(store, decided.removals)
    more = chain(shown.placing(staging.scan(waiting), model), renamed)
    state = await store.commit(append, decided.removals, plan.emptied, more)
    reached(Failpoint.COMMITTED)
    stays = list(_with(plan, Verdict.STAGE))
    waits = await rows_that_wait([one for one in stays if len(one)], plan.staged, staging)
    lower = {source: version - 1 for source, version in decided.discarded.items()}
    await staging.change(stays, {**lower, **decided.shown})
    if stays:
        reached(Failpoint.STAGED)
    news = News(
        came=plan.came,
        shown=_shown(plan),
        gone={source: plan.staged[source] for source in decided.discarded},
        rows={**waits, **shown.rows},
        moved=await rows_moved(moved, plan.batches, state, store),
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
        (*(points for points in by_id.values() if len(points)), *moved.points),
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
    is_enough = one.is_whole and len(batch) >= one.shows_with
    can_wait = one.can_wait and not (is_enough or one.shows)
    return Piece(one.batch_id, one.source_id, one.source_version, len(batch), can_wait)


def _with(plan: WritePlan, wanted: Verdict) -> Iterable[Batch]:
    pairs = zip(plan.batches, plan.decided.verdicts, strict=False)
    return (batch for batch, verdict in pairs if verdict is wanted)
