"""Runs as paths over the plane: how far each is from the usual way, and which lead where.

A run's path is taken as a curve over its progress, from 0 at its first step to 1 at its last, so
that runs of different lengths can be compared: the simplest registration of curves, by their ends
(Ramsay and Silverman, Functional Data Analysis, 2nd ed., chapter 7). The usual way is at each
progress the median of all runs, by each coordinate; a run's distance from it is integrated over
the progress, as depths of curves are (Fraiman and Muniz, Trimmed means for functional data, 2001).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
ROW = "record"
"""The type of what is no step: a row of a table, or a part of a text."""
STOPS = 17
"""At so many evenly spaced moments of their progress runs are compared."""
DEVIATIONS = 6.0
"""The diagonal of the map is that of a box of three standard deviations to each side, as the
events about refits measure it."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The steps of all runs in order, run after run."""

    x: Numbers
    y: Numbers
    starts: NDArray[np.int64]
    """Where each run begins; each has a step at least."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many steps each run has."""
        return np.diff(np.append(self.starts, len(self.x)))

    def distances(self) -> Numbers:
        """Return how far each run is from the usual way, as a share of the map's diagonal.

        The root of the mean square over the progress; 0 for all where all points are one.
        """
        if not len(self.starts):
            return np.zeros(0)
        ways = np.stack([self._at(self.x), self._at(self.y)], axis=2)
        usual = np.median(ways, axis=0)
        squares = ((ways - usual) ** 2).sum(axis=2).mean(axis=1)
        diagonal = DEVIATIONS * np.sqrt(self.x.var() + self.y.var())
        return np.sqrt(squares) / diagonal if diagonal > 0 else np.zeros(len(ways))

    def _at(self, values: Numbers) -> Numbers:
        """Return where runs are at each stop, between steps on the straight line: runs x stops."""
        last = self.lengths - 1
        progress = np.outer(last, np.linspace(0.0, 1.0, STOPS))
        before = np.floor(progress).astype(np.int64)
        after = np.minimum(before + 1, last[:, None])
        share = progress - before
        begin = self.starts[:, None]
        return values[begin + before] * (1 - share) + values[begin + after] * share

    def steps_within(self, is_within: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the steps of each run that are in some part of the plane."""
        if not len(self.starts):
            return np.zeros(0, np.int64)
        return np.add.reduceat(is_within.astype(np.int64), self.starts)

    def is_nearest(self, centres: Numbers, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which steps have one of the wanted centres nearest, of all: centres x 2."""
        least = np.full(len(self.x), np.inf)
        found = np.zeros(len(self.x), bool)
        for (x, y), is_wanted in zip(centres, wanted, strict=True):
            far = (self.x - x) ** 2 + (self.y - y) ** 2
            found = np.where(far < least, is_wanted, found)
            least = np.minimum(least, far)
        return found

    def is_inside(self, corners: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
        """Tell which steps are inside a polygon: a ray to the right crosses its edge oddly often.

        An edge that begins on the ray's line counts and one that ends there does not.
        """
        found = np.zeros(len(self.x), bool)
        for (x, y), (other_x, other_y) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if y == other_y:
                continue
            is_at_height = (self.y >= min(y, other_y)) & (self.y < max(y, other_y))
            crossing = x + (self.y - y) * (other_x - x) / (other_y - y)
            found ^= is_at_height & (self.x < crossing)
        return found
