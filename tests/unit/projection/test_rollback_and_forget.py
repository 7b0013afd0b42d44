"""Back to an older model; and models without what is to be forgotten."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.projection.domain.fitting import fit
from services.projection.domain.moments import Moments
from services.projection.domain.refits import Rules
from services.projection.handlers.refit import NO_RECORDS, Rejected
from shared.errors import InvalidMessage, TransientError
from tests.unit.projection.stage import NO_DRIFT, Stage, assert_counted, cloud, piece, points


async def three_models(rules: Rules = NO_DRIFT) -> tuple[Stage, list[np.ndarray]]:
    """A stage with versions 1 to 3, and where each put the first batch."""
    stage, seen = Stage(rules=rules), []
    for batch in (piece(0, 8), piece(3, 40), piece(7, 60)):
        result = await stage.project(batch)
        assert result.model is not None
        seen.append(points((await stage.project(piece(0, 8))).batches[0]))
    assert stage.stored_versions == [1, 2, 3]
    assert not np.array_equal(seen[0], seen[1])
    return stage, seen


async def where(stage: Stage) -> np.ndarray:
    (batch,) = (await stage.project(piece(0, 8))).batches
    assert batch.descriptor.model_version == stage.model.version
    return points(batch)


# --- rollback


async def test_without_a_version_the_map_goes_back_to_the_parent() -> None:
    stage, seen = await three_models()
    stage.clock.advance(5)

    model = await stage.rolled_back()

    assert (model.version, model.parent, model.reason) == (4, 3, "rollback to 2")
    assert (model.created_at, model.correlation_ids) == (stage.clock.now(), ("undo",))
    found = await where(stage)
    assert found.dtype == np.float32
    assert found.tobytes() == seen[1].tobytes()


@pytest.mark.parametrize("version", [1, 2])
async def test_an_older_version_gives_exactly_the_old_coordinates(version: int) -> None:
    stage, seen = await three_models()
    old = await stage.store.get_model("default", version)
    assert old is not None

    model = await stage.rolled_back(version)

    assert model.version == 4
    assert model.plane.mean.tobytes() == old.plane.mean.tobytes()
    assert model.plane.components.tobytes() == old.plane.components.tobytes()
    assert model.explained_variance == old.explained_variance
    assert (await where(stage)).tobytes() == seen[version - 1].tobytes()
    await stage.restart()
    assert (await where(stage)).tobytes() == seen[version - 1].tobytes()


async def test_a_rollback_can_be_rolled_back() -> None:
    stage, seen = await three_models()
    await stage.rolled_back(1)

    model = await stage.rolled_back()

    assert (model.version, model.parent) == (5, 4)
    assert (await where(stage)).tobytes() == seen[2].tobytes()


async def test_a_rollback_tells_how_the_points_move() -> None:
    stage, _ = await three_models()
    before = stage.model

    model = await stage.rolled_back(1)

    every = np.vstack([one.vectors for one in (piece(0, 8), piece(3, 40), piece(7, 60))])
    moved = model.plane.project(every).astype(float) - before.plane.project(every)
    assert model.movement is not None
    rms = float(np.sqrt((moved**2).sum(axis=1).mean()))
    assert model.movement.rms == pytest.approx(rms, rel=1e-4)
    assert model.decision is not None
    assert (model.decision.trigger, model.decision.records) == ("rollback", 108)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (3, "version 3 is the current one"),
        (4, "no version 4, or it is kept no longer; the newest is 3"),
        (99, "99"),
    ],
)
async def test_a_version_that_cannot_be_returned_to_is_refused(version: int, reason: str) -> None:
    stage, _ = await three_models()
    saved = len(stage.store.saved)

    outcome = await stage.rollback(version)

    assert isinstance(outcome, Rejected)
    assert reason in outcome.reason
    assert stage.model.version == 3
    assert len(stage.store.saved) == saved


async def test_before_the_first_version_there_is_nothing() -> None:
    stage = Stage()
    none = await stage.rollback()
    await stage.project(piece(0))
    first = await stage.rollback()

    assert none == Rejected("there is no model yet")
    assert first == Rejected("version 1 has no parent to return to")
    assert stage.stored_versions == [1]


async def test_a_rollback_of_an_emptied_map_is_carried_out() -> None:
    stage, seen = await three_models()
    await stage.retract(piece(0, 8), piece(3, 40), piece(7, 60))

    model = await stage.rolled_back(1)

    assert model.movement is None
    await stage.project(piece(9, 0))
    assert np.array_equal(stage.model.plane.project(piece(0, 8).vectors), seen[0])


async def test_a_rollback_whose_checkpoint_fails_changes_nothing() -> None:
    stage, seen = await three_models()
    stage.store.failures = 1

    with pytest.raises(TransientError):
        await stage.rollback(1)

    assert stage.model.version == 3
    assert (await where(stage)).tobytes() == seen[2].tobytes()


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_rollback_is_not_undone_by_drift(restarts: bool) -> None:
    """Neither at the next micro-batch nor after a restart, though the figures call for a refit."""
    stage, seen = await three_models(Rules(refit_threshold=1.5, unexplained=0.01))
    await stage.rolled_back(1)
    if restarts:
        await stage.restart()

    results = [await stage.project(piece(7, 10, number=100 + n)) for n in range(5)]

    assert [(one.model, one.held) for one in results] == [(None, None)] * 5
    assert stage.state.records == 158
    assert (await where(stage)).tobytes() == seen[0].tobytes()
    # The figures do call for one: nothing but the rollback keeps it away.
    stage.state.drift.reset(100, is_armed=True)
    result = await stage.project(piece(7, 1, number=200))
    assert result.model is not None
    assert result.model.reason == "drift"


async def test_after_a_rollback_growth_fits_again() -> None:
    stage, _ = await three_models()
    await stage.rolled_back(1)

    below = await stage.project(piece(8, 107))
    reached = await stage.project(piece(9, 1))

    assert below.model is None
    assert reached.model is not None
    assert (reached.model.reason, reached.model.version) == ("threshold", 5)


async def test_a_rollback_ends_a_hold() -> None:
    stage, _ = await three_models()
    stage.rules = replace(NO_DRIFT, young_below=0, movement_budget=1e-9)
    await stage.refit()
    await stage.project(piece(8, 200))
    assert stage.state.held is not None

    await stage.rolled_back(1)

    assert stage.state.held is None


# --- forget


async def test_what_is_to_be_forgotten_leaves_a_debt_that_a_refit_pays() -> None:
    stage = Stage()
    await stage.project(piece(0), piece(3))

    await stage.retract(piece(3), is_forgotten=True)
    assert stage.state.owes_refit
    await stage.restart()
    assert stage.state.owes_refit
    model = await stage.refitted(trigger="forget", reason="forget", force=True)

    assert not stage.state.owes_refit
    assert (model.reason, model.record_count) == ("forget", 3)
    assert model.decision is not None
    assert model.decision.trigger == "forget"
    never = fit(Moments.of(piece(0).vectors))
    np.testing.assert_allclose(model.plane.mean, never.plane.mean, atol=1e-6)
    await stage.restart()
    assert not stage.state.owes_refit


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_map_never_goes_back_to_what_it_was_to_forget(restarts: bool) -> None:
    stage, _ = await three_models()
    await stage.retract(piece(3, 40), is_forgotten=True)
    await stage.refitted(trigger="forget", force=True)
    if restarts:
        await stage.restart()

    for version in (None, 1, 2, 3):
        outcome = await stage.rollback(version)
        assert isinstance(outcome, Rejected)
        assert "forgotten" in outcome.reason
    await stage.refitted(force=True)
    assert (await stage.rolled_back(4)).reason == "rollback to 4"


async def test_a_replaced_source_does_not_bar_the_way_back() -> None:
    stage, _ = await three_models()
    await stage.retract(piece(3, 40))

    assert (await stage.rolled_back(2)).reason == "rollback to 2"


async def test_an_ordinary_retraction_owes_nothing() -> None:
    stage = Stage()
    await stage.project(piece(0), piece(3))

    await stage.retract(piece(3))

    assert not stage.state.owes_refit


async def test_to_forget_what_was_replaced_before_owes_a_model_that_never_saw_it() -> None:
    stage = Stage()
    await stage.project(piece(0), piece(3))
    await stage.retract(piece(3))

    await stage.retract(piece(3), is_forgotten=True)

    assert stage.state.owes_refit
    assert stage.state.forgotten_version == 1
    assert_counted(stage.state, [piece(0)])
    await stage.refitted(trigger="forget", force=True)
    await stage.retract(piece(3), is_forgotten=True)
    assert not stage.state.owes_refit


async def test_to_forget_what_was_never_counted_owes_nothing() -> None:
    stage = Stage()
    await stage.project(piece(0))

    await stage.retract(piece(5), is_forgotten=True)

    assert not stage.state.owes_refit


@pytest.mark.parametrize("step", ["batch", "retraction", "dry run", "hold", "rollback", "restart"])
async def test_the_debt_stays_until_there_is_a_model_without_the_forgotten(step: str) -> None:
    stage, _ = await three_models()
    await stage.retract(piece(3, 40), is_forgotten=True)

    if step == "batch":
        await stage.project(piece(8, 2))
    elif step == "retraction":
        await stage.retract(piece(0, 8))
    elif step == "dry run":
        await stage.refit(dry_run=True)
    elif step == "hold":
        stage.rules = replace(NO_DRIFT, young_below=0, movement_budget=1e-9)
        await stage.refit()
        assert stage.state.held is not None
    elif step == "rollback":
        assert isinstance(await stage.rollback(2), Rejected)

    assert stage.state.owes_refit
    await stage.restart()
    assert stage.state.owes_refit


@pytest.mark.parametrize("how", ["growth", "command"])
async def test_any_fit_pays_the_debt(how: str) -> None:
    stage = Stage()
    await stage.project(piece(0), piece(3))
    await stage.retract(piece(3), is_forgotten=True)

    if how == "growth":
        assert (await stage.project(piece(5, 20))).model is not None
    else:
        await stage.refitted()

    assert not stage.state.owes_refit
    await stage.restart()
    assert not stage.state.owes_refit


async def test_a_debt_whose_payment_fails_is_still_owed() -> None:
    stage = Stage()
    await stage.project(piece(0), piece(3))
    await stage.retract(piece(3), is_forgotten=True)
    stage.store.failures = 1

    with pytest.raises(TransientError):
        await stage.refit(trigger="forget", force=True)

    assert stage.state.owes_refit


async def test_a_map_of_nothing_but_forgotten_records_owes_until_it_has_others() -> None:
    stage = Stage()
    await stage.project(piece(0, 100))
    await stage.retract(piece(0, 100), is_forgotten=True)

    assert await stage.refit(trigger="forget", force=True) == NO_RECORDS
    assert stage.state.owes_refit
    await stage.project(piece(3))
    assert stage.state.owes_refit
    model = await stage.refitted(trigger="forget", force=True)

    assert not stage.state.owes_refit
    assert model.record_count == 3


async def test_a_forgetting_that_cannot_be_right_owes_nothing() -> None:
    stage = Stage()
    await stage.project(piece(0), piece(1))
    await stage.settle(piece(0), piece(1))

    with pytest.raises(InvalidMessage):
        await stage.retract(cloud(0, np.full((3, 4), np.nan)), is_forgotten=True)

    assert not stage.state.owes_refit
    assert_counted(stage.state, [piece(0), piece(1)])


sizes = st.lists(st.integers(0, 30), min_size=2, max_size=10)


@settings(max_examples=80, deadline=None)
@given(
    sizes=sizes, dimension=st.integers(2, 12), offset=st.sampled_from([0, 1, 30]), data=st.data()
)
async def test_after_forgetting_it_is_as_if_the_records_had_never_been_there(
    sizes: list[int], dimension: int, offset: int, data: st.DataObject
) -> None:
    def batch(number: int) -> Any:
        rng = np.random.default_rng(number)
        values = rng.normal(size=(sizes[number], dimension)) + offset * rng.normal(size=dimension)
        return cloud(number, values.astype(np.float32))

    numbers = range(len(sizes))
    gone = data.draw(st.sets(st.sampled_from(numbers), min_size=1, max_size=len(sizes) - 1))
    kept = [batch(number).vectors for number in numbers if number not in gone]
    stage = Stage()
    for number in numbers:
        await stage.project(batch(number))
    for number in data.draw(st.permutations(sorted(gone))):
        await stage.retract(batch(number), is_forgotten=True)

    never = Moments.of(np.vstack(kept))
    assert stage.state.records == never.count
    if not never.count:
        return
    found = stage.state.moments
    assert found is not None
    assert relative(found.mean, never.mean) < 1e-8
    if never.count > 1:
        assert relative(found.scatter, never.scatter) < 1e-8
        model = await stage.refitted(trigger="forget", force=True)
        share, wanted = (
            sum(model.explained_variance_ratio),
            sum(fit(never).explained_variance_ratio),
        )
        assert share == pytest.approx(wanted, abs=1e-5)
        np.testing.assert_allclose(model.plane.mean, never.mean, rtol=1e-6, atol=1e-6)


def relative(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
