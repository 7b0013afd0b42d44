"""What the moments predict is what happens to the points."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.projection.domain.fitting import align, fit
from services.projection.domain.moments import Moments
from services.projection.domain.movement import explained_share, mean_shift, predict_movement
from shared.plane import Plane

SEEDS = st.integers(0, 2**32 - 1)
OFFSETS = st.sampled_from([0.0, 1.0, 100.0, 10_000.0])


def some_vectors(seed: int, count: int, dimension: int, offset: float) -> np.ndarray:
    """An oblong cloud, wherever the offset puts it."""
    rng = np.random.default_rng(seed)
    widths = rng.uniform(0.1, 3, size=dimension)
    cloud = rng.normal(size=(count, dimension)) * widths @ rng.normal(size=(dimension, dimension))
    return (cloud + offset * rng.normal(size=dimension)).astype(np.float32)


def some_plane(seed: int, near: np.ndarray, spread: float = 1.0) -> Plane:
    """A plane through some point near the vectors, with any two orthonormal directions."""
    rng = np.random.default_rng(seed)
    dimension = near.shape[1]
    axes, _ = np.linalg.qr(rng.normal(size=(dimension, 2)))
    mean = near.astype(np.float64).mean(axis=0) + spread * rng.normal(size=dimension)
    return Plane(mean.astype(np.float32), axes.T.astype(np.float32))


def summed(vectors: np.ndarray, parts: int) -> Moments:
    moments = Moments.empty(vectors.shape[1])
    for part in np.array_split(vectors, parts):
        moments = moments.merge(Moments.of(part))
    return moments


def room(old: Plane, new: Plane, vectors: np.ndarray) -> float:
    """What the float32 coordinates of the measurement may hide."""
    return 1e-6 * max(1e-3, *(float(np.abs(p.project(vectors)).max()) for p in (old, new)))


# --- against the points


@settings(max_examples=120, deadline=None)
@given(
    seed=SEEDS,
    count=st.integers(1, 200),
    dimension=st.integers(2, 20),
    offset=OFFSETS,
    spread=st.sampled_from([0.0, 1.0, 50.0]),
    parts=st.integers(1, 7),
)
def test_the_points_move_as_predicted(
    seed: int, count: int, dimension: int, offset: float, spread: float, parts: int
) -> None:
    vectors = some_vectors(seed, count, dimension, offset)
    old, new = some_plane(seed + 1, vectors, spread), some_plane(seed + 2, vectors, spread)
    before = old.project(vectors).astype(np.float64)
    after = new.project(vectors).astype(np.float64)
    moved = after - before
    near = room(old, new, vectors)

    found = predict_movement(summed(vectors, parts), old, new)

    rms = float(np.sqrt((moved**2).sum(axis=1).mean()))
    centre = float(np.linalg.norm(moved.mean(axis=0)))
    assert found.rms == pytest.approx(rms, rel=1e-4, abs=near)
    assert found.centre == pytest.approx(centre, rel=1e-4, abs=near)
    if count > 1:
        diagonal = 6 * float(np.sqrt(before.var(axis=0).sum()))
        assert found.diagonal == pytest.approx(diagonal, rel=1e-4, abs=6 * near)
        assert found.rms_share == pytest.approx(found.rms / found.diagonal)
        assert found.centre_share == pytest.approx(found.centre / found.diagonal)


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, count=st.integers(3, 200), dimension=st.integers(2, 20), offset=OFFSETS)
def test_the_shares_are_those_of_the_vectors_variance(
    seed: int, count: int, dimension: int, offset: float
) -> None:
    vectors = some_vectors(seed, count, dimension, offset)
    old, new = some_plane(seed + 1, vectors, 9.0), some_plane(seed + 2, vectors)
    total = vectors.astype(np.float64).var(axis=0).sum()

    found = predict_movement(summed(vectors, 3), old, new)

    for plane, share in ((old, found.explained_before), (new, found.explained_after)):
        variance = plane.project(vectors).astype(np.float64).var(axis=0).sum()
        assert share == pytest.approx(variance / total, rel=1e-4, abs=1e-6)
        assert share == explained_share(plane, summed(vectors, 3))
        assert 0 <= share <= 1 + 1e-6


@settings(max_examples=80, deadline=None)
@given(
    seed=SEEDS,
    count=st.integers(2, 200),
    dimension=st.integers(2, 20),
    offset=OFFSETS,
    known=st.integers(1, 200),
)
def test_turning_a_new_plane_onto_the_old_map_never_moves_the_points_further(
    seed: int, count: int, dimension: int, offset: float, known: int
) -> None:
    vectors = some_vectors(seed, count, dimension, offset)
    moments = Moments.of(vectors)
    for old in (fit(Moments.of(vectors[:known])).plane, some_plane(seed + 1, vectors)):
        fitted = fit(moments)
        plain = predict_movement(moments, old, fitted.plane)
        turned = predict_movement(moments, old, align(fitted, old, moments).plane)

        # A plane's mean is rounded to float32, and a turn turns what that leaves of the centre.
        rest = float(np.linalg.norm(moments.mean - fitted.plane.mean.astype(np.float64)))
        near = 2 * rest + 1e-6 * (1e-3 + plain.diagonal + plain.rms)
        assert turned.rms <= plain.rms * (1 + 1e-5) + near
        assert turned.explained_after == pytest.approx(plain.explained_after, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, count=st.integers(3, 100), dimension=st.integers(2, 12), offset=OFFSETS)
def test_no_plane_explains_more_than_the_fitted_one(
    seed: int, count: int, dimension: int, offset: float
) -> None:
    vectors = some_vectors(seed, count, dimension, offset)
    moments = Moments.of(vectors)

    found = predict_movement(moments, some_plane(seed, vectors), fit(moments).plane)

    assert found.explained_after >= found.explained_before - 1e-6


# --- known cases


SQUARE = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]], np.float32)
FLAT = Plane(np.zeros(3, np.float32), np.eye(2, 3, dtype=np.float32))


def test_the_same_plane_moves_nothing() -> None:
    found = predict_movement(Moments.of(SQUARE), FLAT, FLAT)

    assert (found.rms, found.rms_share, found.centre, found.centre_share) == (0, 0, 0, 0)
    assert found.diagonal == pytest.approx(6.0)
    assert found.explained_before == found.explained_after == pytest.approx(1.0)


def test_a_plane_through_another_point_shifts_all_points_alike() -> None:
    shifted = Plane(np.array([3, 4, 7], np.float32), FLAT.components)

    found = predict_movement(Moments.of(SQUARE), FLAT, shifted)

    assert (found.rms, found.centre) == (pytest.approx(5.0), pytest.approx(5.0))
    assert found.rms_share == found.centre_share == pytest.approx(5 / 6)


def test_a_half_turn_moves_every_point_by_its_diameter_and_the_centre_not_at_all() -> None:
    turned = Plane(FLAT.mean, -FLAT.components)

    found = predict_movement(Moments.of(SQUARE), FLAT, turned)

    assert found.rms == pytest.approx(2.0)
    assert found.centre == pytest.approx(0.0, abs=1e-12)


def test_on_a_map_without_extent_the_new_diagonal_is_the_measure() -> None:
    """Else a first spread beyond the old plane would be no movement at all, or an endless one."""
    line = np.array([[0, 0, 2], [0, 0, -2]], np.float32)
    other = Plane(FLAT.mean, np.eye(3, dtype=np.float32)[[2, 0]])

    found = predict_movement(Moments.of(line), FLAT, other)

    assert found.diagonal == pytest.approx(12.0)
    assert (found.rms, found.rms_share) == (pytest.approx(2.0), pytest.approx(1 / 6))
    assert (found.explained_before, found.explained_after) == (0.0, pytest.approx(1.0))


@pytest.mark.parametrize(
    "vectors",
    [np.zeros((1, 3)), np.full((7, 3), 1e4), np.full((2, 3), -0.1)],
    ids=["one", "identical", "two"],
)
def test_without_any_extent_the_shares_are_zero(vectors: np.ndarray) -> None:
    moments = Moments.of(vectors.astype(np.float32))
    moments = Moments(moments.count, moments.mean, np.zeros((3, 3)))
    shifted = Plane(np.array([3, 4, 0], np.float32), FLAT.components)

    found = predict_movement(moments, FLAT, shifted)

    assert found.diagonal == 0
    assert (found.rms_share, found.centre_share) == (0, 0)
    assert (found.explained_before, found.explained_after) == (0, 0)
    assert (found.rms, found.centre) == (pytest.approx(5.0), pytest.approx(5.0))
    assert mean_shift(moments, shifted.mean) == 0


@pytest.mark.parametrize(
    "vectors",
    [
        np.full((1, 5), 3.0),
        np.full((9, 5), 1e4),
        np.zeros((4, 3)),
        np.outer(np.arange(6.0), np.ones(4)) + 100,
        np.arange(5.0)[:, None],
        np.zeros((2, 1)),
        np.eye(2),
        np.full((3, 4), 1e18),
        np.eye(4) * 1e30,
        np.eye(4) * 1e-20,
        np.eye(4) * 1e-30,
    ],
    ids=["one", "identical", "zeros", "rank 1", "d=1", "one point, d=1", "d=2", "huge",
         "huge, apart", "tiny", "tinier"],
)  # fmt: skip
def test_degenerate_vectors_have_finite_figures(vectors: np.ndarray) -> None:
    moments = Moments.of(vectors.astype(np.float32))
    old, fitted = fit(Moments.of(vectors[:1].astype(np.float32))), fit(moments)

    for new in (old, fitted, align(fitted, old.plane, moments)):
        figures = asdict(predict_movement(moments, old.plane, new.plane))

        assert all(np.isfinite(value) for value in figures.values()), figures
        assert all(value >= 0 for value in figures.values()), figures
        assert figures["explained_after"] <= 1 + 1e-6
    assert np.isfinite(mean_shift(moments, old.plane.mean))


def test_the_noise_that_subtraction_leaves_gives_finite_figures() -> None:
    base = np.full((1, 3), 1000.0, np.float32)
    far = np.eye(3, dtype=np.float32) * 1e6
    moments = Moments.of(base).merge(Moments.of(far)).subtract(Moments.of(far))

    found = predict_movement(moments, FLAT, fit(moments).plane)

    assert all(np.isfinite(value) and value >= 0 for value in asdict(found).values())
    assert np.isfinite(mean_shift(moments, FLAT.mean))


# --- the shift of the mean


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, count=st.integers(2, 200), dimension=st.integers(1, 20), offset=OFFSETS)
def test_the_shift_of_the_mean_is_in_standard_deviations(
    seed: int, count: int, dimension: int, offset: float
) -> None:
    vectors = some_vectors(seed, count, dimension, offset)
    wide = vectors.astype(np.float64)
    model_mean = (wide.mean(axis=0) + 3 * np.ones(dimension)).astype(np.float32)
    deviation = np.sqrt(wide.var(axis=0).sum())

    shift = mean_shift(summed(vectors, 4), model_mean)

    distance = np.linalg.norm(wide.mean(axis=0) - model_mean.astype(np.float64))
    assert shift == pytest.approx(distance / deviation, rel=1e-4)
