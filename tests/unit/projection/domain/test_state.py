from typing import Any

import numpy as np
import pytest

from services.projection.domain.counted import Counted
from services.projection.domain.moments import Moments
from services.projection.domain.movement import MovementFigures
from services.projection.domain.refits import DecisionFigures, HeldRefit
from services.projection.domain.state import CollectionState, ModelVersion
from shared.plane import Plane
from tests.builders import NOW

PLANE = Plane(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))


def model(record_count: int, **changes: Any) -> ModelVersion:
    fields: dict[str, Any] = {
        "version": 1,
        "parent": None,
        "plane": PLANE,
        "explained_variance_ratio": (0.5, 0.5),
        "record_count": record_count,
        "reason": "first",
        "created_at": NOW,
        "revision": 1,
    }
    return ModelVersion(**fields | changes)


def test_a_state_is_stale_when_something_was_counted_after_the_fit() -> None:
    state = CollectionState("default")
    assert (state.records, state.is_stale) == (0, False)

    state.moments, state.revision = Counted(2, Moments.of(np.eye(2, dtype=np.float32))), 1
    assert (state.records, state.is_stale) == (2, True)

    state.model = model(2, revision=1)
    assert not state.is_stale

    state.revision = 2
    assert state.is_stale


def decision(trigger: str, records: int = 2) -> DecisionFigures:
    return DecisionFigures(
        trigger=trigger,  # type: ignore[arg-type]
        records=records,
        records_at_last_fit=1,
        growth_threshold=2.0,
    )


@pytest.mark.parametrize(
    ("trigger", "is_armed"),
    [("first", True), ("drift", True), ("command", True), ("forget", True), ("rollback", False)],
)
def test_a_new_model_ends_a_hold_and_sets_drift_back(trigger: str, is_armed: bool) -> None:
    state = CollectionState("default")
    state.hold(HeldRefit(MovementFigures(1, 1, 0, 0, 1, 0.5, 0.5), decision("threshold", 9), 3))

    taken = model(7, decision=decision(trigger))
    state.take_model(taken)

    assert state.model is taken
    assert state.held is None
    assert (state.drift.looked_at, state.drift.is_armed) == (7, is_armed)


def test_a_model_of_an_older_program_arms_drift() -> None:
    state = CollectionState("default")
    state.drift.is_armed = False

    state.take_model(model(7))

    assert state.drift.is_armed


def test_while_a_refit_is_held_drift_does_not_tell_of_it_again() -> None:
    state = CollectionState("default")
    held = HeldRefit(MovementFigures(1, 1, 0, 0, 1, 0.5, 0.5), decision("threshold", 9), 3)

    state.hold(held)

    assert state.held is held
    assert (state.drift.looked_at, state.drift.is_armed) == (9, False)
