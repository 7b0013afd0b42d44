import numpy as np
import pytest

from services.writing.domain.displacement import Displacement, measure_distances, summarise


def test_no_points_move_by_nothing() -> None:
    assert summarise([]) == Displacement(0, 0.0, 0.0, 0.0, 0.0)


def test_distances_are_euclidean() -> None:
    old, new = np.zeros((1, 2), np.float32), np.array([[3, 4]], np.float32)

    assert measure_distances(old, new).tolist() == [5.0]


def test_all_parts_count() -> None:
    parts = [np.arange(50, dtype=np.float32), np.arange(50, 101, dtype=np.float32)]

    moved = summarise(parts)

    assert (moved.points, moved.median, moved.p95, moved.max) == (101, 50.0, 95.0, 100.0)
    assert moved.root_mean_square == pytest.approx(np.sqrt(np.mean(np.arange(101.0) ** 2)))
