import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.plane import Plane


def plane(seed: int, dimension: int) -> Plane:
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.normal(size=(dimension, 2)))
    return Plane(rng.normal(size=dimension).astype(np.float32), axes.T.astype(np.float32))


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    dimension=st.integers(2, 400),
    count=st.integers(1, 130),
    data=st.data(),
)
def test_coordinates_do_not_depend_on_the_company(
    seed: int, dimension: int, count: int, data: st.DataObject
) -> None:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    onto = plane(seed, dimension)
    order = np.array(data.draw(st.permutations(range(count))))
    cut = data.draw(st.integers(0, count))

    together = onto.project(vectors)

    parts = [onto.project(part) for part in np.split(vectors[order], [cut])]
    np.testing.assert_allclose(np.vstack(parts), together[order], rtol=1e-6, atol=1e-9)


def test_points_lie_along_the_components_seen_from_the_mean() -> None:
    onto = Plane(np.array([1, 1, 1], np.float32), np.array([[1, 0, 0], [0, 0, 1]], np.float32))

    points = onto.project(np.array([[1, 1, 1], [3, 9, 1], [1, 1, -4]], np.float32))

    assert points.tolist() == [[0, 0], [2, 0], [0, -5]]
    assert points.dtype == np.float32


def test_no_vectors_have_no_points() -> None:
    assert plane(0, 3).project(np.empty((0, 3), np.float32)).shape == (0, 2)


@pytest.mark.parametrize("shape", [(4,), (2, 4), (1, 3, 1)])
def test_vectors_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="on a plane of dimension 3"):
        plane(0, 3).project(np.zeros(shape, np.float32))


@pytest.mark.parametrize("shape", [(2, 4), (3, 3), (1, 3)])
def test_components_must_fit_the_mean(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"needs components of shape \(2, 3\)"):
        Plane(np.zeros(3, np.float32), np.zeros(shape, np.float32))
