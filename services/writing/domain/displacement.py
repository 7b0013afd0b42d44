"""How far the points of a map move when its model changes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Displacement:
    """Distances between the old and the new places of all points, in units of the map."""

    points: int
    median: float
    p95: float
    max: float
    root_mean_square: float


def measure_distances(old: NDArray[np.float32], new: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far each point (n, 2) moved; the arithmetic runs in float64."""
    moved = new.astype(np.float64) - old.astype(np.float64)
    return np.hypot(moved[:, 0], moved[:, 1]).astype(np.float32)


def summarise(distances: Sequence[NDArray[np.float32]]) -> Displacement:
    """Condense the distances of all points; no points at all give zeros."""
    together = np.concatenate(distances) if distances else np.zeros(0, np.float32)
    if not together.size:
        return Displacement(0, 0.0, 0.0, 0.0, 0.0)
    squares = np.square(together, dtype=np.float64)
    root_mean_square = float(np.sqrt(squares.mean()))
    del squares
    median, p95 = np.quantile(together, (0.5, 0.95), overwrite_input=True)
    return Displacement(
        int(together.size), float(median), float(p95), float(together.max()), root_mean_square
    )
