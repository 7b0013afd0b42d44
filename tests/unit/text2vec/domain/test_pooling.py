import numpy as np
import pytest

from services.text2vec.domain.pooling import add_rows, mean_pool, scale_to_unit


def test_rows_are_scaled_and_added() -> None:
    table = np.array([[1, -2], [3, 4]], np.int8)
    total = np.array([10.0, 20.0])

    add_rows(table, np.array([0.5, 2.0], np.float32), np.array([0, 1, 1]), total)

    assert total.tolist() == [22.5, 35.0]


def test_many_rows_are_added_exactly() -> None:
    total = np.zeros(1)

    add_rows(np.full((1, 1), 127, np.int8), np.ones(1, np.float32), np.zeros(5000, int), total)

    assert total[0] == 127 * 5000


def test_padding_is_left_out_of_the_mean() -> None:
    hidden = np.array([[[2, 4], [4, 8]], [[1, 1], [99, 99]]], np.float32)

    pooled = mean_pool(hidden, np.array([[1, 1], [1, 0]]))

    assert pooled.tolist() == [[3, 6], [1, 1]]


def test_vectors_get_length_one() -> None:
    unit = scale_to_unit(np.array([[3.0, 4.0], [0.0, -2.0]]))

    assert unit.dtype == np.float32
    assert unit.ravel().tolist() == pytest.approx([0.6, 0.8, 0, -1])


def test_a_vector_without_direction_becomes_zero() -> None:
    unit = scale_to_unit(np.array([[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]]))

    assert not unit.any()
