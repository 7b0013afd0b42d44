import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.embedding.domain.vectors import normalise

matrices = st.tuples(st.integers(1, 20), st.integers(1, 33)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-1e3, 1e3, width=32))
)


@settings(max_examples=100, deadline=None)
@given(vectors=matrices, data=st.data())
def test_a_row_does_not_depend_on_its_batch(vectors: np.ndarray, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(vectors))))
    cut = data.draw(st.integers(0, len(vectors)))

    together = normalise(vectors)

    shuffled = vectors[order]
    parts = np.vstack([normalise(shuffled[:cut]), normalise(shuffled[cut:])])
    alone = np.vstack([normalise(row[None]) for row in vectors])
    assert np.array_equal(parts, together[order])
    assert np.array_equal(alone, together)


@settings(max_examples=100, deadline=None)
@given(vectors=matrices)
def test_rows_have_length_one_or_are_zero(vectors: np.ndarray) -> None:
    lengths = np.linalg.norm(normalise(vectors).astype(np.float64), axis=1)

    is_zero = ~vectors.any(axis=1)
    np.testing.assert_allclose(lengths, np.where(is_zero, 0, 1), atol=1e-6)


def test_extreme_lengths_are_no_obstacle() -> None:
    vectors = np.array([[3e38, 3e38], [1e-45, 0], [0, 0], [3, -4]], np.float32)

    found = normalise(vectors)

    expected = [[0.5**0.5, 0.5**0.5], [1, 0], [0, 0], [0.6, -0.8]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32


def test_vectors_of_length_one_stay_as_they_are_and_so_does_the_argument() -> None:
    vectors = np.array([[0, 5], [1, 0]], np.float32)

    once = normalise(vectors)

    assert np.array_equal(normalise(once), once)
    assert vectors.tolist() == [[0, 5], [1, 0]]
    assert normalise(np.empty((0, 3), np.float32)).shape == (0, 3)
