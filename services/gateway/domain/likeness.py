"""Which vectors are nearest to one: by the angle between them."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Nearest:
    """Keeps the best of all vectors that are given to it; equal ones in the order of names."""

    def __init__(self, own: Floats, most: int) -> None:
        self._own = own
        self._length = float(np.linalg.norm(own))
        self._most = most
        self._best: list[tuple[float, str]] = []

    def add(self, vectors: Floats, names: Callable[[Sequence[int]], Sequence[str]]) -> None:
        """Compare some more; ``names`` tells what rows are called, and is asked of few."""
        cosines = self._cosines(vectors)
        count = min(self._most, len(cosines))
        if count == 0:
            return
        least = np.partition(cosines, len(cosines) - count)[len(cosines) - count]
        floor = self._best[-1][0] if len(self._best) == self._most else -np.inf
        rows = np.flatnonzero((cosines >= least) & (cosines >= floor)).tolist()
        found = zip(cosines[rows].tolist(), names(rows), strict=True)
        self._best = sorted([*self._best, *found], key=_order)[: self._most]

    def found(self) -> list[tuple[float, str]]:
        """Return cosines and names, the nearest first."""
        return self._best

    def _cosines(self, vectors: Floats) -> npt.NDArray[np.float64]:
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        product = (vectors @ self._own).astype(np.float64)
        known = np.isfinite(product) & (lengths > 0) & (self._length > 0)
        cosines = np.full(len(vectors), -1.0)
        np.divide(product, lengths * self._length, out=cosines, where=known)
        return np.clip(cosines, -1.0, 1.0)


def _order(one: tuple[float, str]) -> tuple[float, str]:
    return -one[0], one[1]
