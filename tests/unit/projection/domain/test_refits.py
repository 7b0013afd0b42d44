from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.projection.domain.movement import MovementFigures
from services.projection.domain.refits import (
    DecisionFigures,
    DriftWatch,
    HeldRefit,
    Rules,
    exceeds_budget,
    has_grown,
)

RULES = Rules(mean_shift=0.5, unexplained=0.1, drift_growth=1.1)
STILL = MovementFigures(
    rms=0,
    rms_share=0,
    centre=0,
    centre_share=0,
    diagonal=1,
    explained_before=0.5,
    explained_after=0.5,
)


def held(records: int) -> HeldRefit:
    figures = DecisionFigures(
        trigger="threshold", records=records, records_at_last_fit=1, growth_threshold=2.0
    )
    return HeldRefit(STILL, figures, 1)


# --- growth


@pytest.mark.parametrize(
    ("records", "fitted_to", "threshold", "grown"),
    [
        (1, 1, 2.0, False),
        (2, 1, 2.0, True),
        (199, 100, 2.0, False),
        (200, 100, 2.0, True),
        (149, 100, 1.5, False),
        (150, 100, 1.5, True),
        (50, 100, 2.0, False),
        (0, 100, 2.0, False),
        (1, 0, 2.0, False),
        (2, 0, 2.0, True),
    ],
)
def test_a_refit_is_due_when_the_records_have_grown_by_the_factor(
    records: int, fitted_to: int, threshold: float, grown: bool
) -> None:
    assert has_grown(records, fitted_to, None, Rules(refit_threshold=threshold)) is grown


@pytest.mark.parametrize(
    ("records", "fitted_to", "held_at", "grown"),
    [
        (250, 100, 200, False),
        (399, 100, 200, False),
        (400, 100, 200, True),
        (399, 200, 150, False),
        (400, 200, 150, True),
    ],
)
def test_after_a_hold_growth_counts_from_it(
    records: int, fitted_to: int, held_at: int, grown: bool
) -> None:
    assert has_grown(records, fitted_to, held(held_at), Rules()) is grown


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.floats(1.01, 100))
def test_more_records_never_make_a_refit_less_due(
    fitted_to: int, records: int, threshold: float
) -> None:
    rules = Rules(refit_threshold=threshold)
    if has_grown(records, fitted_to, None, rules):
        assert has_grown(records + 1, fitted_to, None, rules)


@given(st.integers(1, 10**9), st.floats(1.001, 100))
def test_a_fresh_model_and_a_fresh_hold_are_never_due(records: int, threshold: float) -> None:
    rules = Rules(refit_threshold=threshold)
    assert not has_grown(records, records, None, rules)
    assert not has_grown(records, 1, held(records), rules)


@given(st.integers(1, 200), st.floats(1.2, 4))
def test_the_number_of_automatic_refits_grows_with_the_logarithm(
    batch_size: int, threshold: float
) -> None:
    """Else the cost of a batch would grow with the map."""
    fitted_to, fits, batches = batch_size, 1, 300
    for number in range(2, batches + 1):
        if has_grown(number * batch_size, fitted_to, None, Rules(refit_threshold=threshold)):
            fitted_to, fits = number * batch_size, fits + 1

    assert fits <= 2 + np.log(batches) / np.log(threshold)


# --- drift


def test_drift_is_looked_at_again_after_growth_alone() -> None:
    watch = DriftWatch(looked_at=100)

    assert [watch.is_due(records, RULES) for records in (50, 100, 109, 111, 1000)] == [
        False,
        False,
        False,
        True,
        True,
    ]
    watch.fires(111, 0, 0, RULES)
    assert not watch.is_due(122, RULES)
    assert watch.is_due(123, RULES)


def test_a_look_at_nothing_is_due_with_the_second_record() -> None:
    assert not DriftWatch().is_due(1, RULES)
    assert DriftWatch().is_due(2, RULES)


@pytest.mark.parametrize(
    ("shift", "unexplained", "fires"),
    [
        (0.5, 0.0, True),
        (0.0, 0.1, True),
        (0.9, 0.9, True),
        (0.49, 0.09, False),
        (0.0, 0.0, False),
    ],
)
def test_drift_fires_when_either_figure_reaches_its_threshold(
    shift: float, unexplained: float, fires: bool
) -> None:
    watch = DriftWatch()

    assert watch.fires(10, shift, unexplained, RULES) is fires
    assert watch.is_armed is not fires
    assert watch.looked_at == 10


def test_drift_fires_once_and_again_only_after_both_figures_were_below_half() -> None:
    watch = DriftWatch()
    looks = [
        (0.6, 0.0, True),
        (0.6, 0.0, False),
        (0.0, 0.2, False),  # not armed, whichever figure it is
        (0.3, 0.0, False),  # below the threshold, but not below half
        (0.6, 0.0, False),
        (0.0, 0.06, False),  # one below half, the other not
        (0.6, 0.0, False),
        (0.24, 0.04, False),  # both below half: armed again
        (0.4, 0.09, False),
        (0.6, 0.0, True),
        (0.6, 0.0, False),
    ]

    found = [watch.fires(at, shift, rest, RULES) for at, (shift, rest, _) in enumerate(looks)]

    assert found == [fires for *_, fires in looks]


figures = st.tuples(st.floats(0, 2), st.floats(0, 1))


@given(st.lists(figures, max_size=40), st.booleans())
def test_between_two_times_that_drift_fires_both_figures_were_below_half(
    looks: list[tuple[float, float]], is_armed: bool
) -> None:
    watch, may_fire = DriftWatch(is_armed=is_armed), is_armed
    for at, (shift, unexplained) in enumerate(looks):
        may_fire |= shift < 0.25 and unexplained < 0.05
        reached = shift >= 0.5 or unexplained >= 0.1
        assert watch.fires(at, shift, unexplained, RULES) is (may_fire and reached)
        may_fire &= not reached


def test_a_fit_arms_and_a_rollback_disarms() -> None:
    watch = DriftWatch()
    watch.fires(5, 9, 9, RULES)

    watch.reset(50, is_armed=True)
    assert watch.fires(60, 9, 0, RULES)

    watch.reset(70, is_armed=False)
    assert not watch.is_due(70, RULES)
    assert not watch.fires(80, 9, 9, RULES)


# --- the budget


@pytest.mark.parametrize(
    ("share", "records", "exceeds"),
    [
        (0.2, 1000, True),
        (0.100001, 1000, True),
        (0.1, 1000, False),
        (0.0, 1000, False),
        (0.2, 999, False),
        (99.0, 999, False),
        (99.0, 1, False),
        (99.0, 10**9, True),
    ],
)
def test_a_movement_beyond_the_budget_is_too_much_unless_the_map_is_young(
    share: float, records: int, exceeds: bool
) -> None:
    rules = Rules(movement_budget=0.1, young_below=1000)

    assert exceeds_budget(replace(STILL, rms_share=share), records, rules) is exceeds


def test_the_first_model_moves_nothing() -> None:
    assert not exceeds_budget(None, 10**6, Rules())


def test_a_map_may_be_old_from_the_first_record_on() -> None:
    moved = replace(STILL, rms_share=1.0)

    assert exceeds_budget(moved, 1, Rules(young_below=0))
