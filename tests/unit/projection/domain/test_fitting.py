import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from services.projection.domain.fitting import Fit, align, fit
from services.projection.domain.moments import Moments
from shared.plane import Plane

SEEDS = st.integers(0, 2**32 - 1)


def spread_vectors(seed: int, *, count: int, dimension: int, offset: float = 0.0) -> np.ndarray:
    """Clusters whose variances along hidden directions are well apart."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(dimension, dimension)))
    widths = 0.5 ** np.arange(dimension)
    clusters = rng.normal(size=(4, dimension)) * widths * 3
    points = clusters[rng.integers(0, 4, count)] + rng.normal(size=(count, dimension)) * widths
    return (points @ turn.T + offset * rng.normal(size=dimension)).astype(np.float32)


def displacement(old: Plane, new: Plane, vectors: np.ndarray) -> float:
    before, after = old.project(vectors), new.project(vectors)
    return float(((before.astype(float) - after) ** 2).sum())


def merged(vectors: np.ndarray, parts: int) -> Moments:
    moments = Moments.empty(vectors.shape[1])
    for part in np.array_split(vectors, parts):
        moments = moments.merge(Moments.of(part))
    return moments


def assert_orthonormal(plane: Plane) -> None:
    wide = plane.components.astype(np.float64)
    np.testing.assert_allclose(wide @ wide.T, np.eye(2), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    seed=SEEDS,
    count=st.integers(20, 200),
    dimension=st.integers(2, 24),
    offset=st.sampled_from([0.0, 10.0, 1000.0]),
    parts=st.integers(1, 9),
)
def test_the_fit_is_scikit_learns_pca(
    seed: int, count: int, dimension: int, offset: float, parts: int
) -> None:
    vectors = spread_vectors(seed, count=count, dimension=dimension, offset=offset)
    reference = PCA(n_components=2, svd_solver="full").fit(vectors.astype(np.float64))
    spectrum = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False)
    gaps = np.diff(spectrum[:3]) / spectrum[0]
    # Two axes of nearly the same length have no direction of their own ...
    assume(np.abs(gaps).min() > 0.02)
    # ... and a sign must not hang on a draw between two coefficients.
    peaks = np.sort(np.abs(reference.components_), axis=1)[:, -2:]
    assume((peaks[:, 1] - peaks[:, 0] > 1e-5).all())

    fitted = fit(merged(vectors, parts))

    np.testing.assert_allclose(fitted.plane.components, reference.components_, atol=1e-6)
    np.testing.assert_allclose(fitted.plane.mean, reference.mean_, rtol=1e-6, atol=1e-6)
    ratio = reference.explained_variance_ratio_
    np.testing.assert_allclose(fitted.explained_variance_ratio, ratio, atol=1e-6)
    variance = reference.explained_variance_
    assert fitted.explained_variance == pytest.approx(variance.tolist(), rel=1e-6)


def test_clusters_far_from_the_origin_and_each_other_are_fitted_exactly() -> None:
    """The case in which scikit-learn's IncrementalPCA loses the second axis."""
    rng = np.random.default_rng(7)
    centres = rng.normal(size=(6, 64)) * 50 + 500
    vectors = np.vstack([centre + rng.normal(size=(100, 64)) for centre in centres])
    vectors = vectors.astype(np.float32)

    fitted = fit(merged(vectors, 6))

    reference = PCA(n_components=2, svd_solver="full").fit(vectors.astype(np.float64))
    np.testing.assert_allclose(fitted.plane.components, reference.components_, atol=1e-6)


@pytest.mark.parametrize(
    "vectors",
    [
        np.full((1, 5), 3.0),
        np.full((9, 5), 1e4),
        np.zeros((4, 3)),
        np.outer(np.arange(6.0), np.ones(4)) + 100,
        np.arange(5.0)[:, None],
        np.zeros((2, 1)),
        np.arange(8.0).reshape(4, 2) ** 2,
        np.eye(2),
        np.full((3, 4), 1e18),
        np.eye(4) * 1e-20,
    ],
    ids=["one", "identical", "zeros", "rank 1", "d=1", "one point, d=1", "d=2", "two, d=2",
         "huge", "tiny"],
)  # fmt: skip
def test_degenerate_vectors_have_finite_coordinates(vectors: np.ndarray) -> None:
    vectors = vectors.astype(np.float32)
    moments = Moments.of(vectors)

    fitted = fit(moments)
    turned = align(fitted, fit(Moments.of(vectors[:1])).plane, moments)

    for result in (fitted, turned):
        assert np.isfinite(result.plane.project(vectors)).all()
        assert all(0 <= share <= 1 + 1e-9 for share in result.explained_variance_ratio)


@pytest.mark.parametrize("dimension", [8, 80])
def test_a_single_record_is_at_the_origin(dimension: int) -> None:
    vectors = np.full((1, dimension), 2.5, np.float32)

    fitted = fit(Moments.of(vectors))

    assert fitted.plane.project(vectors).tolist() == [[0.0, 0.0]]
    assert fitted.explained_variance == (0.0, 0.0)


def test_a_line_lies_on_the_first_axis() -> None:
    vectors = np.outer(np.arange(5), [3, 4, 0]).astype(np.float32)

    fitted = fit(Moments.of(vectors))

    points = fitted.plane.project(vectors)
    np.testing.assert_allclose(points[:, 0], [-10, -5, 0, 5, 10], atol=1e-5)
    np.testing.assert_allclose(points[:, 1], 0, atol=1e-5)
    assert fitted.explained_variance_ratio == pytest.approx((1.0, 0.0))
    assert fitted.explained_variance == pytest.approx((62.5, 0.0))


@pytest.mark.parametrize("count", [2, 3, 4, 40, 300])
@pytest.mark.parametrize("dimension", [17, 40, 150])
def test_few_vectors_of_many_dimensions_are_fitted_as_scikit_learn_does(
    count: int, dimension: int
) -> None:
    vectors = spread_vectors(count, count=count, dimension=dimension, offset=10)
    reference = PCA(n_components=2, svd_solver="full").fit(vectors.astype(np.float64))

    fitted = fit(merged(vectors, 3))

    assert_orthonormal(fitted.plane)
    axes = min(2, count - 1)
    components = fitted.plane.components[:axes]
    np.testing.assert_allclose(components, reference.components_[:axes], atol=1e-6)
    expected = reference.explained_variance_[:axes]
    assert fitted.explained_variance is not None
    assert fitted.explained_variance[:axes] == pytest.approx(expected.tolist(), rel=1e-6)
    assert sum(fitted.explained_variance[axes:]) <= 1e-6 * sum(expected)


@pytest.mark.parametrize("spectrum", ["flat", "one", "two", "pairs", "steep"])
def test_axes_are_found_whatever_the_spectrum(spectrum: str) -> None:
    """Also where they have no direction of their own: then the plane explains as much as any."""
    d = 120
    values = {
        "flat": np.ones(d),
        "one": np.eye(d)[0],
        "two": np.eye(d)[0] + np.eye(d)[1],
        "pairs": np.repeat(np.arange(d // 2, 0, -1.0), 2),
        "steep": 0.5 ** np.arange(d),
    }[spectrum]
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(d, d)))
    scatter = ((turn * values) @ turn.T).astype(np.float64)
    moments = Moments(50, np.zeros(d), scatter)

    fitted = fit(moments)

    assert_orthonormal(fitted.plane)
    wide = fitted.plane.components.astype(np.float64)
    reached = ((wide @ moments.scatter) * wide).sum(axis=1)
    np.testing.assert_allclose(reached, values[:2], atol=1e-6 * values[0])
    assert fitted.explained_variance_ratio == pytest.approx(
        tuple(values[:2] / values.sum()), abs=1e-9
    )
    assert fit(moments).plane.components.tobytes() == fitted.plane.components.tobytes()


def test_nothing_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="no vectors"):
        fit(Moments.empty(3))


def test_a_fit_survives_the_noise_that_subtraction_leaves() -> None:
    base = np.full((1, 3), 1000.0, np.float32)
    far = np.eye(3, dtype=np.float32) * 1e6
    moments = Moments.of(base).merge(Moments.of(far)).subtract(Moments.of(far))

    fitted = fit(moments)

    assert np.isfinite(fitted.plane.project(base)).all()
    assert all(0 <= share <= 1 + 1e-9 for share in fitted.explained_variance_ratio)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, dimension=st.integers(2, 12), old_count=st.integers(3, 60))
def test_aligning_turns_the_map_as_a_whole_and_nearer_to_the_old_one(
    seed: int, dimension: int, old_count: int
) -> None:
    vectors = spread_vectors(seed, count=80, dimension=dimension, offset=3.0)
    old = fit(Moments.of(vectors[:old_count])).plane
    moments = Moments.of(vectors)
    fitted = fit(moments)

    aligned = align(fitted, old, moments)

    before = displacement(old, fitted.plane, vectors)
    after = displacement(old, aligned.plane, vectors)
    assert after <= before * (1 + 1e-5) + 1e-6
    assert_orthonormal(aligned.plane)
    plain, turned = fitted.plane.project(vectors), aligned.plane.project(vectors)
    distances = [np.linalg.norm(p[:, None] - p[None], axis=2) for p in (plain, turned)]
    np.testing.assert_allclose(distances[1], distances[0], atol=1e-3, rtol=1e-4)
    total = [sum(one.explained_variance_ratio) for one in (fitted, aligned)]
    assert total[1] == pytest.approx(total[0], abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, angle=st.floats(0, 6.28), flip=st.booleans())
def test_the_same_map_turned_or_flipped_is_turned_back(
    seed: int, angle: float, flip: bool
) -> None:
    vectors = spread_vectors(seed, count=50, dimension=5)
    moments = Moments.of(vectors)
    fitted = fit(moments)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spin[0] *= -1 if flip else 1
    old = Plane(fitted.plane.mean, (spin @ fitted.plane.components).astype(np.float32))

    aligned = align(fitted, old, moments)

    np.testing.assert_allclose(aligned.plane.components, old.components, atol=1e-4)


def best_turn(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Return the turn or reflection (2, 2) that brings new points (n, 2) nearest to old ones.

    By the angle itself, from every point: the plane of complex numbers has it in closed form.
    """
    before, after = (points[:, 0] + 1j * points[:, 1] for points in (old, new))
    turn, flip = np.angle((before * after.conj()).sum()), np.angle((before * after).sum())
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    flipped = np.array([[np.cos(flip), np.sin(flip)], [np.sin(flip), -np.cos(flip)]])
    return min((turned, flipped), key=lambda one: ((old - new @ one.T) ** 2).sum())


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, dimension=st.integers(3, 9), old_count=st.integers(3, 12))
def test_no_turn_or_reflection_is_nearer_to_the_old_map_than_the_aligned_one(
    seed: int, dimension: int, old_count: int
) -> None:
    vectors = spread_vectors(seed, count=60, dimension=dimension, offset=2)
    old, moments = fit(Moments.of(vectors[:old_count])).plane, Moments.of(vectors)
    fitted = fit(moments)

    aligned = align(fitted, old, moments)

    new = fitted.plane.project(vectors).astype(np.float64)
    before = vectors @ old.components.T.astype(np.float64)
    before -= before.mean(axis=0)
    best = ((before - new @ best_turn(before, new).T) ** 2).sum()
    reached = ((before - aligned.plane.project(vectors)) ** 2).sum()
    assert reached <= best * (1 + 1e-4) + 1e-6


def test_the_shares_of_an_aligned_map_are_those_of_its_own_axes() -> None:
    vectors = np.array([[2, 0, 0], [-2, 0, 0], [0, 1, 0], [0, -1, 0]], np.float32)
    moments = Moments.of(vectors)
    swapped = Plane(np.zeros(3, np.float32), np.array([[0, 1, 0], [1, 0, 0]], np.float32))

    aligned: Fit = align(fit(moments), swapped, moments)

    assert aligned.explained_variance_ratio == pytest.approx((0.2, 0.8))
    assert aligned.explained_variance == pytest.approx((2 / 3, 8 / 3))
