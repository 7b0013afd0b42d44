"""What the service does: count vectors once, project batches, fit models."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio.to_thread
import numpy as np
import pyarrow as pa

from services.projection.domain.fitting import align, fit
from services.projection.domain.moments import Moments
from services.projection.domain.state import CollectionState, ModelVersion, decide_refit
from services.projection.ports import Checkpoint, ProjectionStore
from shared.clock import Clock
from shared.contracts.batches import Batch, encode
from shared.contracts.commands import Refit
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.projection import ProjectionModel, encode_floats
from shared.errors import InvalidMessage

STAGE = "projection"


@dataclass(frozen=True, slots=True)
class Rules:
    """How models are made."""

    refit_threshold: float = 2.0
    align: bool = True


@dataclass(slots=True)
class Projected:
    """What a micro-batch came to, in the order in which it must be published."""

    model: ModelVersion | None = None
    batches: list[Batch] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Retraction:
    """Vectors of one batch that left the dataset."""

    batch_id: str
    vectors: np.ndarray


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
        known = await store.known(state.collection, [b.descriptor.batch_id for b in usable])
        fresh = {b.descriptor.batch_id: b for b in usable if b.descriptor.batch_id not in known}
        moments = await anyio.to_thread.run_sync(_count, state.moments, list(fresh.values()))
        if moments is not None:
            revision = state.revision + any(len(batch) for batch in fresh.values())
            reason = decide_refit(moments.count, state.model, rules.refit_threshold)
            if reason:
                result.model = await _fit(state, moments, revision, reason, clock, rules)
            if fresh or result.model:
                checkpoint = Checkpoint(
                    collection=state.collection,
                    moments=moments,
                    revision=revision,
                    applied={batch_id: len(batch) for batch_id, batch in fresh.items()},
                    model=result.model,
                )
                await _save(checkpoint, state, store)
    result.batches = [_with_coordinates(batch, state.model) for batch in usable]
    return result


async def retract(
    retractions: Sequence[Retraction], *, state: CollectionState, store: ProjectionStore
) -> None:
    """Take batches out of the moments, each at most once, and only if it was counted.

    Raises:
        InvalidMessage: The vectors cannot be those that were counted.
        TransientError: The checkpoint could not be stored; nothing has changed.
    """
    async with state.changing:
        known = await store.known(state.collection, [r.batch_id for r in retractions])
        counted = {r.batch_id: r for r in retractions if known.get(r.batch_id)}
        if not counted or state.moments is None:
            return
        moments = state.moments
        for retraction in counted.values():
            moments = _without(moments, retraction)
        checkpoint = Checkpoint(
            collection=state.collection,
            moments=moments,
            revision=state.revision + 1,
            applied={},
            retracted=list(counted),
        )
        await _save(checkpoint, state, store)


async def refit(
    command: Refit,
    *,
    state: CollectionState,
    store: ProjectionStore,
    clock: Clock,
    rules: Rules,
) -> ModelVersion | None:
    """Fit a new model to everything counted so far.

    Returns:
        The new model, stored; None if there is no record to fit it to.

    Raises:
        TransientError: The checkpoint could not be stored; nothing has changed.
    """
    async with state.changing:
        if state.moments is None or not state.moments.count:
            return None
        model = await _fit(
            state, state.moments, state.revision, command.reason, clock, rules,
            correlation_id=command.correlation_id,
        )  # fmt: skip
        checkpoint = Checkpoint(
            collection=state.collection,
            moments=state.moments,
            revision=state.revision,
            applied={},
            model=model,
        )
        await _save(checkpoint, state, store)
        return model


def contract_of(collection: str, model: ModelVersion) -> ProjectionModel:
    """Write a model as the contract that carries it."""
    return ProjectionModel(
        collection=collection,
        version=model.version,
        parent=model.parent,
        dimension=model.plane.dimension,
        mean=encode_floats(model.plane.mean),
        components=encode_floats(model.plane.components),
        explained_variance_ratio=model.explained_variance_ratio,
        record_count=model.record_count,
        reason=model.reason,
        created_at=model.created_at,
    )


async def _save(checkpoint: Checkpoint, state: CollectionState, store: ProjectionStore) -> None:
    """Store a checkpoint and take it over: both or neither, even when cancelled in between."""

    async def both() -> None:
        await store.save(checkpoint)
        state.moments, state.revision = checkpoint.moments, checkpoint.revision
        state.model = checkpoint.model or state.model

    saving = asyncio.ensure_future(both())
    try:
        await asyncio.shield(saving)
    except asyncio.CancelledError:
        await asyncio.wait({saving})  # a commit on its way cannot be called back
        raise


async def _fit(  # noqa: PLR0913  the facts of a model's history
    state: CollectionState,
    moments: Moments,
    revision: int,
    reason: str,
    clock: Clock,
    rules: Rules,
    *,
    correlation_id: str | None = None,
) -> ModelVersion:
    before = state.model

    def compute() -> ModelVersion:
        fitted = fit(moments)
        if before and rules.align:
            fitted = align(fitted, before.plane, moments)
        return ModelVersion(
            version=before.version + 1 if before else 1,
            parent=before.version if before else None,
            plane=fitted.plane,
            explained_variance_ratio=fitted.explained_variance_ratio,
            record_count=moments.count,
            reason=reason,
            created_at=clock.now(),
            revision=revision,
            correlation_id=correlation_id,
        )

    return await anyio.to_thread.run_sync(compute)


def _usable(batches: Sequence[Batch], state: CollectionState, result: Projected) -> list[Batch]:
    """Bury what no model can take: batches of another dimension, vectors that are not finite."""
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
            result.dead.append(_dead_letter(batch, reason))
            continue
        usable.append(_finite_part(batch, vectors, result))
    return usable


def _finite_part(batch: Batch, vectors: np.ndarray, result: Projected) -> Batch:
    finite = np.isfinite(vectors).all(axis=1)
    if finite.all():
        return batch
    for row in np.flatnonzero(~finite):
        one = Batch(batch.descriptor, batch.rows.slice(int(row), 1))
        result.dead.append(_dead_letter(one, "the vector holds NaN or infinite values", row=True))
    return Batch(batch.descriptor, batch.rows.filter(pa.array(finite)))


def _count(moments: Moments | None, batches: Sequence[Batch]) -> Moments | None:
    for batch in batches:
        if len(batch):
            part = Moments.of(batch.vectors)
            moments = part if moments is None else moments.merge(part)
    return moments


def _without(moments: Moments, retraction: Retraction) -> Moments:
    if not np.isfinite(retraction.vectors).all():
        raise InvalidMessage(f"the vectors of {retraction.batch_id} hold NaN or infinite values")
    try:
        return moments.subtract(Moments.of(retraction.vectors))
    except ValueError as error:
        raise InvalidMessage(f"{retraction.batch_id} was never counted so: {error}") from error


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


def _dead_letter(batch: Batch, reason: str, *, row: bool = False) -> DeadLetter:
    facts = batch.descriptor
    named = batch.rows.select(["id", "line", "byte_offset"])
    record = named.slice(0, 1).to_pylist()[0] if row else {}
    return DeadLetter(
        key=f"{facts.batch_id}:{record['id']}" if row else facts.batch_id,
        stage=STAGE,
        collection=facts.collection,
        reason=reason,
        body=encode(batch),
        records=len(batch),
        filename=facts.filename,
        line=record.get("line"),
        byte_offset=record.get("byte_offset"),
        record_id=record.get("id"),
        source_id=facts.source_id,
        source_version=facts.source_version,
        batch_id=facts.batch_id,
    )
