import numpy as np

from shared.usable_vectors import LONGEST, usable_rows


def test_rows_with_nan_or_infinity_are_told() -> None:
    vectors = np.array([[0, 1], [np.nan, 1], [1, -np.inf], [0, 0]], np.float32)

    assert usable_rows(vectors).tolist() == [True, False, False, True]


def test_rows_that_are_too_long_are_told() -> None:
    third = LONGEST / 3**0.5
    vectors = np.array([[LONGEST, 0, 0], [LONGEST, LONGEST, 0], [1e38, 1e38, 1e38]], np.float32)

    assert usable_rows(vectors).tolist() == [True, False, False]
    assert usable_rows(np.full((1, 3), third * 1.001, np.float32)).tolist() == [False]


def test_of_no_rows_none_is_told() -> None:
    assert usable_rows(np.empty((0, 3), np.float32)).tolist() == []
