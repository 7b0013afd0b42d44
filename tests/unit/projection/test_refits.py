"""Refits that are held, forced, previewed, or called for by drift."""

from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import count

import numpy as np
import pytest

from services.projection.domain.fitting import fit
from services.projection.domain.moments import Moments
from services.projection.domain.movement import explained_share
from services.projection.domain.refits import HeldRefit, Rules
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.handlers.refit import NO_RECORDS, Outcome, Previewed
from shared.contracts.batches import Batch
from shared.errors import TransientError
from tests.unit.projection.stage import NO_DRIFT, Stage, cloud, piece, points

OLD_MAP = replace(NO_DRIFT, young_below=0, movement_budget=0.1)
GREEDY = Rules(young_below=0, movement_budget=0.1, mean_shift=0.1, unexplained=0.01)
"""Drift calls for a refit at once, too."""
Kind = Callable[[int, int], np.ndarray]


def measured_rms(stage: Stage, before: ModelVersion, after: ModelVersion, *numbers: int) -> float:
    every = np.vstack([far(number).vectors for number in numbers])
    moved = after.plane.project(every).astype(float) - before.plane.project(every)
    assert len(every) == stage.state.records
    return float(np.sqrt((moved**2).sum(axis=1).mean()))


def far(number: int) -> Batch:
    """Number 0 is eight records; all others are forty that are far from them."""
    return piece(0, 8) if number == 0 else piece(3, 40)


async def a_held_stage(rules: Rules = OLD_MAP) -> Stage:
    stage = Stage(rules=rules)
    await stage.project(piece(0, 8))
    result = await stage.project(piece(3, 40))
    assert result.held is not None
    return stage


def held_of(outcome: Outcome | None) -> HeldRefit:
    assert isinstance(outcome, HeldRefit), outcome
    return outcome


def previewed_of(outcome: Outcome) -> Previewed:
    assert isinstance(outcome, Previewed), outcome
    return outcome


# --- held


async def test_an_automatic_refit_that_moves_too_far_is_held() -> None:
    stage = Stage(rules=OLD_MAP)
    first = (await stage.project(piece(0, 8))).model
    assert first is not None

    result = await stage.project(piece(3, 40))

    held = held_of(result.held)
    assert result.model is None
    assert stage.state.held is held
    assert stage.state.model is first
    assert stage.stored_versions == [1]
    assert held.movement.rms_share > 0.1
    assert (held.decision.trigger, held.decision.records) == ("threshold", 48)
    assert (held.decision.records_at_last_fit, held.decision.growth_threshold) == (8, 2.0)
    assert held.decision.movement_budget == 0.1
    assert held.revision == stage.state.revision
    assert stage.state.is_stale


async def test_while_a_refit_is_held_batches_are_counted_and_stay_on_the_old_map() -> None:
    stage = Stage(rules=OLD_MAP)
    first = (await stage.project(piece(0, 8))).model
    assert first is not None

    results = [await stage.project(piece(3, 40)), await stage.project(piece(4, 2))]

    for result, vectors in zip(results, (piece(3, 40).vectors, piece(4, 2).vectors), strict=True):
        (out,) = result.batches
        assert out.descriptor.model_version == 1
        assert np.array_equal(points(out), first.plane.project(vectors))
    assert stage.state.records == 50
    await stage.restart()
    assert stage.state.records == 50


@pytest.mark.parametrize("rules", [OLD_MAP, GREEDY], ids=["growth alone", "drift as well"])
async def test_a_held_refit_is_told_once_and_again_after_growth(rules: Rules) -> None:
    stage = await a_held_stage(rules)

    told_at = []
    for number in range(100, 200):
        result = await stage.project(piece(3, 1, number=number))
        assert result.model is None
        if result.held:
            told_at.append(stage.state.records)

    assert told_at == [96]
    assert stage.stored_versions == [1]
    assert stage.state.records == 148


async def test_a_held_refit_is_still_held_after_a_restart_and_not_told_again() -> None:
    stage = await a_held_stage()
    held = stage.state.held

    await stage.restart()
    results = [await stage.project(piece(number, 1)) for number in (5, 6, 7)]

    assert stage.state.held == held is not None
    assert [result.held for result in results] == [None] * 3
    assert stage.stored_versions == [1]


async def test_a_commanded_hold_outlives_the_process_too() -> None:
    stage = Stage(rules=replace(OLD_MAP, refit_threshold=100))
    await stage.project(piece(0, 8))
    await stage.project(piece(3, 40))
    held = held_of(await stage.refit())

    await stage.restart()

    assert stage.state.held == held


async def test_a_hold_outlives_the_batches_that_come_after_it() -> None:
    stage = await a_held_stage()
    held = stage.state.held

    await stage.project(piece(5, 1))
    await stage.restart()

    assert stage.state.held == held is not None


async def test_a_young_map_is_never_held() -> None:
    for young_below, version in ((49, 2), (48, 1)):
        stage = Stage(rules=replace(OLD_MAP, young_below=young_below))
        await stage.project(piece(0, 8))
        await stage.project(piece(3, 40))

        assert stage.model.version == version
        assert (stage.state.held is None) == (version == 2)


async def test_a_small_movement_is_applied_on_an_old_map() -> None:
    stage = Stage(rules=replace(OLD_MAP, movement_budget=0.5))
    await stage.project(piece(0, 200))

    result = await stage.project(cloud(1, piece(0, 400).vectors[200:]))

    assert result.held is None
    assert result.model is not None
    assert result.model.movement is not None
    assert 0 < result.model.movement.rms_share <= 0.5
    assert stage.stored_versions == [1, 2]


async def test_a_checkpoint_that_fails_holds_nothing_and_the_next_try_does() -> None:
    stage = Stage(rules=OLD_MAP)
    await stage.project(piece(0, 8))
    watch = replace(stage.state.drift)
    stage.store.failures = 1

    with pytest.raises(TransientError):
        await stage.project(piece(3, 40))
    assert (stage.state.held, stage.state.drift) == (None, watch)

    assert held_of((await stage.project(piece(3, 40))).held) is stage.state.held


# --- on command


async def test_a_forced_command_applies_a_held_refit() -> None:
    stage = await a_held_stage()
    before, held = stage.model, held_of(stage.state.held)

    model = await stage.refitted(force=True, causes=("wish-1",))

    assert stage.state.held is None
    assert stage.model is model
    assert (model.version, model.parent, model.record_count) == (2, 1, 48)
    assert model.movement == held.movement
    assert model.decision is not None
    assert model.decision == replace(held.decision, trigger="command")
    assert model.correlation_ids == ("wish-1",)
    assert model.movement is not None
    assert model.movement.rms == pytest.approx(measured_rms(stage, before, model, 0, 3), rel=1e-4)
    assert not stage.state.is_stale
    await stage.restart()
    assert (stage.model.version, stage.state.held) == (2, None)


async def test_a_commanded_refit_without_force_is_held_too() -> None:
    stage = await a_held_stage()
    await stage.project(piece(4, 2))

    held = held_of(await stage.refit(reason="please", causes=("wish-1",)))

    assert stage.state.held is held
    assert (held.decision.trigger, held.decision.records) == ("command", 50)
    assert held.revision == stage.state.revision
    assert stage.stored_versions == [1]
    assert stage.model.version == 1


async def test_a_commanded_hold_is_not_told_by_growth_or_drift_right_after() -> None:
    stage = Stage(rules=replace(GREEDY, refit_threshold=100))
    await stage.project(piece(0, 8))
    watched = stage.rules
    stage.rules = replace(OLD_MAP, refit_threshold=100)
    await stage.project(piece(3, 40))
    assert stage.state.held is None
    held_of(await stage.refit())
    stage.rules = watched

    result = await stage.project(piece(3, 10, number=77))

    assert (result.model, result.held) == (None, None)


async def test_a_commanded_refit_within_the_budget_needs_no_force() -> None:
    stage = Stage(rules=replace(OLD_MAP, movement_budget=1e6))
    await stage.project(piece(0, 8), piece(3, 3))

    assert (await stage.refitted()).version == 2


@pytest.mark.parametrize("force", [False, True])
async def test_a_dry_run_changes_nothing_and_tells_what_a_refit_then_does(force: bool) -> None:
    stage = await a_held_stage()
    await stage.project(piece(4, 2))
    before = facts(stage.state)
    saved = len(stage.store.saved)

    seen = previewed_of(await stage.refit(dry_run=True, force=force, causes=("wish-1",)))

    assert facts(stage.state) == before
    assert len(stage.store.saved) == saved
    assert await stage.store.answered("default", ["wish-1"]) == set()
    assert seen.would_be_held
    model = await stage.refitted(force=True)
    assert seen.movement == model.movement
    assert seen.decision == model.decision
    assert seen.movement is not None
    assert seen.movement.rms_share > 0.1


async def test_a_dry_run_on_a_young_map_tells_that_nothing_would_be_held() -> None:
    stage = Stage(rules=NO_DRIFT)
    await stage.project(piece(0, 8))
    await stage.project(piece(3, 4))

    seen = previewed_of(await stage.refit(dry_run=True))

    assert not seen.would_be_held
    assert (await stage.refitted()).movement == seen.movement


async def test_without_records_a_dry_run_is_refused() -> None:
    assert await Stage().refit(dry_run=True) == NO_RECORDS


def facts(state: CollectionState) -> dict[str, object]:
    names = ("moments", "model", "revision", "owes_refit", "held")
    return {name: getattr(state, name) for name in names} | {"drift": asdict(state.drift)}


async def test_every_model_tells_how_it_moved_the_points_and_why() -> None:
    stage = Stage(rules=replace(NO_DRIFT, mean_shift=7.0, unexplained=0.9))
    first = (await stage.project(piece(0, 8))).model
    second = (await stage.project(piece(3, 40))).model
    assert first is not None
    assert second is not None

    assert first.movement is None
    assert first.decision is not None
    assert (first.decision.trigger, first.decision.records) == ("first", 8)
    assert first.decision.records_at_last_fit == 0
    assert second.movement is not None
    rms = measured_rms(stage, first, second, 0, 3)
    assert second.movement.rms == pytest.approx(rms, rel=1e-4)
    decision = second.decision
    assert decision is not None
    assert (decision.trigger, decision.records, decision.records_at_last_fit) == (
        "threshold",
        48,
        8,
    )
    assert (decision.mean_shift_threshold, decision.unexplained_threshold) == (7.0, 0.9)
    wide = np.vstack([piece(0, 8).vectors, piece(3, 40).vectors]).astype(float)
    distance = np.linalg.norm(wide.mean(axis=0) - piece(0, 8).vectors.mean(axis=0))
    shift = distance / np.sqrt(wide.var(axis=0).sum())
    assert decision.mean_shift == pytest.approx(shift, rel=1e-4)
    moments = Moments.of(wide.astype(np.float32))
    best, old = fit(moments).plane, first.plane
    unexplained = explained_share(best, moments) - explained_share(old, moments)
    assert decision.unexplained == pytest.approx(unexplained, abs=1e-5)


# --- drift


def calm(seed: int, size: int) -> np.ndarray:
    """Vectors around the origin, mostly along the first two axes."""
    widths = np.array([4, 3, 1, 1, 0.5, 0.5])
    return (np.random.default_rng(seed).normal(size=(size, 6)) * widths).astype(np.float32)


def shifted(seed: int, size: int) -> np.ndarray:
    """The same cloud somewhere else, within the plane of the old map."""
    return calm(seed, size) + np.array([40, 0, 0, 0, 0, 0], np.float32)


def turned(seed: int, size: int) -> np.ndarray:
    """A cloud around the same centre, along other axes."""
    return calm(seed, size)[:, [4, 5, 0, 1, 2, 3]] * 4


async def grown(stage: Stage, kind: Kind, until: int, numbers: count) -> list[ModelVersion]:
    models = []
    while stage.state.records < until:
        number = next(numbers)
        result = await stage.project(cloud(number, kind(number, 25)))
        assert result.held is None
        models += [result.model] if result.model else []
    return models


@pytest.mark.parametrize(
    ("kind", "rules", "figure"),
    [
        (shifted, Rules(unexplained=1.0), "mean_shift"),
        (turned, Rules(mean_shift=1e9), "unexplained"),
    ],
    ids=["mean shift", "unexplained variance"],
)
async def test_a_stream_that_changes_is_fitted_anew_before_it_has_doubled(
    kind: Kind, rules: Rules, figure: str
) -> None:
    stage, numbers = Stage(rules=replace(rules, young_below=10**9)), count()
    await stage.project(cloud(next(numbers), calm(999, 400)))

    assert await grown(stage, calm, 550, numbers) == []
    models = await grown(stage, kind, 795, numbers)

    assert models
    drifted = models[0]
    assert (drifted.reason, drifted.version, drifted.parent) == ("drift", 2, 1)
    assert 550 < drifted.record_count < 800
    decision = drifted.decision
    assert decision is not None
    assert decision.trigger == "drift"
    assert getattr(decision, figure) >= getattr(decision, f"{figure}_threshold")
    assert decision.records_at_last_fit == 400
    assert stage.stored_versions == [1, *(model.version for model in models)]


@pytest.mark.parametrize("kind", [shifted, turned])
async def test_without_drift_rules_the_same_streams_wait_for_growth(kind: Kind) -> None:
    stage, numbers = Stage(rules=NO_DRIFT), count()
    await stage.project(cloud(next(numbers), calm(999, 400)))

    assert await grown(stage, kind, 775, numbers) == []
    (model,) = await grown(stage, kind, 800, numbers)
    assert model.reason == "threshold"


async def test_a_stream_that_stays_the_same_never_drifts() -> None:
    stage, numbers = Stage(rules=Rules()), count()
    await stage.project(cloud(next(numbers), calm(999, 400)))

    models = await grown(stage, calm, 1600, numbers)

    assert [model.reason for model in models] == ["threshold", "threshold"]


async def test_a_refit_for_drift_is_held_when_it_moves_too_far_and_told_once() -> None:
    stage, numbers = (
        Stage(rules=Rules(unexplained=1.0, young_below=0, movement_budget=0.05)),
        count(),
    )
    await stage.project(cloud(next(numbers), calm(999, 400)))

    told = []
    while stage.state.records < 775:
        number = next(numbers)
        result = await stage.project(cloud(number, shifted(number, 25)))
        assert result.model is None
        told += [result.held] if result.held else []

    (held,) = told
    assert (held.decision.trigger, stage.state.held) == ("drift", held)
    assert stage.stored_versions == [1]


async def test_drift_that_a_failing_checkpoint_cut_off_is_found_again() -> None:
    """What a look changed must not outlive the moments that were looked at."""
    stage = Stage(rules=Rules(unexplained=1.0))
    await stage.project(cloud(0, calm(999, 400)))
    watch = replace(stage.state.drift)
    stage.store.failures = 1

    with pytest.raises(TransientError):
        await stage.project(cloud(1, shifted(1, 300)))
    assert stage.state.drift == watch
    result = await stage.project(cloud(1, shifted(1, 300)))

    assert result.model is not None
    assert result.model.reason == "drift"


async def test_drift_is_found_after_a_restart_too() -> None:
    stage, numbers = Stage(rules=Rules(unexplained=1.0)), count()
    await stage.project(cloud(next(numbers), calm(999, 400)))
    await stage.restart()

    result = await stage.project(cloud(1, shifted(1, 300)))

    assert result.model is not None
    assert result.model.reason == "drift"
