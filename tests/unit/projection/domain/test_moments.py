import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.projection.domain.moments import Moments


@st.composite
def vector_sets(draw: st.DrawFn, *, min_rows: int = 1) -> np.ndarray:
    """Clusters around an offset that may be far larger than their spread."""
    dimension = draw(st.integers(1, 6))
    count = draw(st.integers(min_rows, 40))
    values = st.floats(-1, 1, width=32)
    spread = draw(arrays(np.float32, (count, dimension), elements=values))
    offset = draw(arrays(np.float32, dimension, elements=values))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e3]))
    return ((spread + offset * draw(st.sampled_from([0, 1, 100]))) * scale).astype(np.float32)


def assert_same(found: Moments, expected: Moments, scale: float) -> None:
    """Equal to 1e-9 of the magnitudes that went into the sums."""
    assert found.count == expected.count
    np.testing.assert_allclose(found.mean, expected.mean, rtol=0, atol=1e-9 * scale)
    room = 1e-9 * scale**2 * max(1, expected.count)
    np.testing.assert_allclose(found.scatter, expected.scatter, rtol=0, atol=room)


def scale_of(vectors: np.ndarray) -> float:
    return max(1e-30, float(np.abs(vectors).max(initial=0)))


@settings(max_examples=100, deadline=None)
@given(vectors=vector_sets(), data=st.data())
def test_merging_does_not_depend_on_partition_or_order(
    vectors: np.ndarray, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(vectors))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(vectors)), max_size=6)))
    merged = Moments.empty(vectors.shape[1])
    for part in np.split(vectors[order], cuts):
        merged = merged.merge(Moments.of(part))

    assert_same(merged, Moments.of(vectors), scale_of(vectors))


@settings(max_examples=100, deadline=None)
@given(vectors=vector_sets(min_rows=2), data=st.data())
def test_subtracting_undoes_merging(vectors: np.ndarray, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(vectors)))
    kept, gone = Moments.of(vectors[:cut]), Moments.of(vectors[cut:])

    assert_same(kept.merge(gone).subtract(gone), kept, scale_of(vectors))


@settings(max_examples=50, deadline=None)
@given(vectors=vector_sets())
def test_moments_are_numpys_mean_and_covariance(vectors: np.ndarray) -> None:
    moments = Moments.of(vectors)
    wide = vectors.astype(np.float64)

    np.testing.assert_allclose(moments.mean, wide.mean(axis=0), atol=1e-12 * scale_of(vectors))
    covariance = np.cov(wide.T, bias=True).reshape(moments.scatter.shape)
    room = 1e-12 * scale_of(vectors) ** 2
    np.testing.assert_allclose(moments.scatter / len(vectors), covariance, atol=room)


def test_subtracting_everything_leaves_nothing_not_even_noise() -> None:
    moments = Moments.of(np.full((3, 2), 7.1, np.float32))

    rest = moments.subtract(moments)

    assert (rest.count, rest.mean.tolist(), rest.scatter.tolist()) == (0, [0, 0], [[0, 0]] * 2)


def test_no_vectors_are_neutral() -> None:
    moments, none = Moments.of(np.eye(2, dtype=np.float32)), Moments.empty(2)

    assert moments.merge(none) is moments
    assert none.merge(moments) is moments
    assert moments.subtract(none) is moments
    assert Moments.of(np.empty((0, 2), np.float32)).count == 0


def test_more_than_there_is_cannot_be_subtracted() -> None:
    one, two = Moments.of(np.ones((1, 2), np.float32)), Moments.of(np.ones((2, 2), np.float32))

    with pytest.raises(ValueError, match="cannot take 2 vectors from 1"):
        one.subtract(two)


def test_other_dimensions_do_not_mix() -> None:
    two, three = Moments.empty(2), Moments.empty(3)

    with pytest.raises(ValueError, match="dimensions 2 and 3 differ"):
        two.merge(three)
    with pytest.raises(ValueError, match="dimensions 2 and 3 differ"):
        two.subtract(three)


def test_merging_changes_neither_part() -> None:
    one, two = Moments.of(np.eye(2, dtype=np.float32)), Moments.of(np.ones((1, 2), np.float32))
    before = (one.mean.copy(), one.scatter.copy(), two.mean.copy(), two.scatter.copy())

    one.merge(two).subtract(one)

    for now, then in zip((one.mean, one.scatter, two.mean, two.scatter), before, strict=True):
        assert np.array_equal(now, then)
