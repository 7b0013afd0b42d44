from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.projection.domain.moments import Moments
from services.projection.domain.state import CollectionState, ModelVersion, decide_refit
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


@pytest.mark.parametrize(
    ("records", "fitted_to", "threshold", "reason"),
    [
        (0, None, 2.0, None),
        (1, None, 2.0, "first"),
        (1, 1, 2.0, None),
        (2, 1, 2.0, "threshold"),
        (199, 100, 2.0, None),
        (200, 100, 2.0, "threshold"),
        (150, 100, 1.5, "threshold"),
        (50, 100, 2.0, None),
        (0, 100, 2.0, None),
    ],
)
def test_a_refit_is_due_when_the_records_have_grown_by_the_factor(
    records: int, fitted_to: int | None, threshold: float, reason: str | None
) -> None:
    current = model(fitted_to) if fitted_to else None

    assert decide_refit(records, current, threshold) == reason


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.floats(1.01, 100))
def test_more_records_never_make_a_refit_less_due(
    fitted_to: int, records: int, threshold: float
) -> None:
    if decide_refit(records, model(fitted_to), threshold):
        assert decide_refit(records + 1, model(fitted_to), threshold)


@given(st.integers(1, 10**9), st.floats(1.001, 100))
def test_a_fresh_model_is_never_due(records: int, threshold: float) -> None:
    assert decide_refit(records, model(records), threshold) is None


@given(st.integers(1, 200), st.floats(1.2, 4))
def test_the_number_of_automatic_refits_grows_with_the_logarithm(
    batch_size: int, threshold: float
) -> None:
    """Else the cost of a batch would grow with the map."""
    current, fits, batches = None, 0, 300
    for number in range(1, batches + 1):
        if decide_refit(number * batch_size, current, threshold):
            current, fits = model(number * batch_size), fits + 1

    assert fits <= 2 + np.log(batches) / np.log(threshold)


def test_a_state_is_stale_when_something_was_counted_after_the_fit() -> None:
    state = CollectionState("default")
    assert (state.records, state.is_stale) == (0, False)

    state.moments, state.revision = Moments.of(np.eye(2, dtype=np.float32)), 1
    assert (state.records, state.is_stale) == (2, True)

    state.model = model(2, revision=1)
    assert not state.is_stale

    state.revision = 2
    assert state.is_stale
