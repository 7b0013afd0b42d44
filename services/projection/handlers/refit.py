"""Fits models: by itself, on command, back to an older one."""

from collections.abc import Sequence
from dataclasses import dataclass

import anyio.to_thread

from services.projection.domain.counted import Counted
from services.projection.domain.fitting import Fit, align, fit
from services.projection.domain.moments import Statistics
from services.projection.domain.movement import (
    MovementFigures,
    mean_shift,
    predict_movement,
)
from services.projection.domain.refits import (
    DecisionFigures,
    DriftWatch,
    HeldRefit,
    Rules,
    Trigger,
    exceeds_budget,
    has_grown,
)
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.handlers.checkpoint import save
from services.projection.ports import Checkpoint, ProjectionStore
from shared.clock import Clock
from shared.contracts.commands import Refit, Rollback


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a refit would bring."""

    movement: MovementFigures | None
    decision: DecisionFigures
    would_be_held: bool


@dataclass(frozen=True, slots=True)
class Rejected:
    """A command that cannot be carried out, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A fit that is not applied yet."""

    fit: Fit
    movement: MovementFigures | None
    decision: DecisionFigures


Outcome = ModelVersion | HeldRefit | Previewed | Rejected
NO_RECORDS = Rejected("there are no records to fit a model to")


async def consider(
    state: CollectionState,
    watch: DriftWatch,
    moments: Counted,
    revision: int,
    clock: Clock,
    rules: Rules,
) -> ModelVersion | HeldRefit | None:
    """Fit a model if the growth or the drift of the moments calls for it; nothing is stored.

    Only ``watch`` notes what it saw: a copy of the state's, to be taken over with the moments.

    Returns:
        The model; or the refit that is held, since points would move too far; or nothing.
    """
    if not moments.count:
        return None
    proposal = await anyio.to_thread.run_sync(_called_for, state, watch, moments, rules)
    if proposal is None:
        return None
    if exceeds_budget(proposal.movement, moments.count, rules):
        return HeldRefit(_moved(proposal), proposal.decision, revision)
    reason = proposal.decision.trigger
    return _version(state, proposal, moments, revision, clock, reason=reason)


async def refit(  # noqa: PLR0913  what the outside gives
    command: Refit,
    *,
    trigger: Trigger = "command",
    correlation_ids: Sequence[str] = (),
    state: CollectionState,
    store: ProjectionStore,
    clock: Clock,
    rules: Rules,
) -> Outcome:
    """Fit a model to everything that is counted.

    Returns:
        The new model, stored; what it would bring, for a dry run; the refit that is held, without
        force; or a rejection.

    Raises:
        TransientError: The checkpoint could not be stored; nothing has changed.
    """
    async with state.changing:
        moments = state.moments
        if moments is None or not moments.count:
            return NO_RECORDS
        proposal = await anyio.to_thread.run_sync(_propose, state, moments, trigger, rules)
        is_too_far = exceeds_budget(proposal.movement, moments.count, rules)
        if command.dry_run:
            return Previewed(proposal.movement, proposal.decision, is_too_far)
        if is_too_far and not command.force:
            held = HeldRefit(_moved(proposal), proposal.decision, state.revision)
            await _store(state, store, held=held, owes_refit=state.owes_refit)
            state.hold(held)
            return held
        model = _version(
            state, proposal, moments, state.revision, clock,
            reason=command.reason, correlation_ids=correlation_ids,
        )  # fmt: skip
        await _store(state, store, model=model, owes_refit=False)
        return model


async def rollback(
    command: Rollback,
    *,
    correlation_ids: Sequence[str] = (),
    state: CollectionState,
    store: ProjectionStore,
    clock: Clock,
    rules: Rules,
) -> Outcome:
    """Make an older model current again, as a new version with the old plane.

    Returns:
        The new version, stored; or a rejection.

    Raises:
        TransientError: The checkpoint could not be stored; nothing has changed.
    """
    async with state.changing:
        current, moments = state.model, state.moments
        if current is None or moments is None:
            return Rejected("there is no model yet")
        wanted = command.to_version if command.to_version is not None else current.parent
        if wanted is None:
            return Rejected("version 1 has no parent to return to")
        if wanted == current.version:
            return Rejected(f"version {wanted} is the current one")
        if wanted <= state.forgotten_version:
            return Rejected(
                f"version {wanted} was fitted to records that were forgotten since; every version "
                f"up to {state.forgotten_version} may have been: make a refit instead"
            )
        old = await store.get_model(state.collection, wanted)
        if old is None:
            return Rejected(
                f"there is no version {wanted}, or it is kept no longer; the newest is "
                f"{current.version}"
            )
        seen = await anyio.to_thread.run_sync(moments.statistics)
        proposal = Proposal(
            Fit(old.plane, old.explained_variance, old.explained_variance_ratio),
            predict_movement(seen, current.plane, old.plane) if moments.count else None,
            _decision(state, seen, "rollback", rules),
        )
        model = _version(
            state, proposal, moments, state.revision, clock,
            reason=f"rollback to {wanted}", correlation_ids=correlation_ids,
        )  # fmt: skip
        await _store(state, store, model=model, owes_refit=state.owes_refit)
        return model


async def _store(
    state: CollectionState,
    store: ProjectionStore,
    *,
    owes_refit: bool,
    model: ModelVersion | None = None,
    held: HeldRefit | None = None,
) -> None:
    checkpoint = Checkpoint(
        collection=state.collection,
        revision=state.revision,
        applied={},
        model=model,
        owes_refit=owes_refit,
        forgotten_version=state.forgotten_version,
        held=held,
    )
    await save(checkpoint, state, store)


def _called_for(
    state: CollectionState, watch: DriftWatch, moments: Counted, rules: Rules
) -> Proposal | None:
    model = state.model
    if model is None:
        return _propose(state, moments, "first", rules)
    if has_grown(moments.count, model.record_count, state.held, rules):
        return _propose(state, moments, "threshold", rules)
    if not watch.is_due(moments.count, rules):
        return None
    proposal = _propose(state, moments, "drift", rules)
    seen = proposal.decision
    fires = watch.fires(moments.count, seen.mean_shift, seen.unexplained, rules)
    return proposal if fires else None


def _propose(state: CollectionState, counted: Counted, trigger: Trigger, rules: Rules) -> Proposal:
    moments, before = counted.statistics(), state.model
    fitted = fit(moments)
    if before is None:
        return Proposal(fitted, None, _decision(state, moments, trigger, rules))
    if rules.align:
        fitted = align(fitted, before.plane, moments)
    movement = predict_movement(moments, before.plane, fitted.plane)
    unexplained = max(0.0, movement.explained_after - movement.explained_before)
    decision = _decision(state, moments, trigger, rules, unexplained=unexplained)
    return Proposal(fitted, movement, decision)


def _decision(
    state: CollectionState,
    moments: Statistics,
    trigger: Trigger,
    rules: Rules,
    *,
    unexplained: float = 0.0,
) -> DecisionFigures:
    before = state.model
    return DecisionFigures(
        trigger=trigger,
        records=moments.count,
        records_at_last_fit=before.record_count if before else 0,
        growth_threshold=rules.refit_threshold,
        mean_shift=mean_shift(moments, before.plane.mean) if before else 0.0,
        mean_shift_threshold=rules.mean_shift,
        unexplained=unexplained,
        unexplained_threshold=rules.unexplained,
        movement_budget=rules.movement_budget,
    )


def _moved(proposal: Proposal) -> MovementFigures:
    assert proposal.movement is not None, "only a refit that moves points is held"  # noqa: S101
    return proposal.movement


def _version(  # noqa: PLR0913  the facts of a model's history
    state: CollectionState,
    proposal: Proposal,
    moments: Counted,
    revision: int,
    clock: Clock,
    *,
    reason: str,
    correlation_ids: Sequence[str] = (),
) -> ModelVersion:
    before = state.model
    return ModelVersion(
        version=before.version + 1 if before else 1,
        parent=before.version if before else None,
        plane=proposal.fit.plane,
        explained_variance=proposal.fit.explained_variance,
        explained_variance_ratio=proposal.fit.explained_variance_ratio,
        record_count=moments.count,
        reason=reason,
        created_at=clock.now(),
        revision=revision,
        movement=proposal.movement,
        decision=proposal.decision,
        correlation_ids=tuple(correlation_ids),
    )
