"""The moments of a set of vectors: enough for an exact PCA, and they add and subtract.

Merging is the pairwise update of Chan, Golub and LeVeque, "Updating formulae and a pairwise
algorithm for computing sample variances" (1979), for a mean vector and a scatter matrix.
"""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray


class Statistics(Protocol):
    """What a plane is fitted to and judged by: as many vectors as there are need no square."""

    @property
    def count(self) -> int:
        """How many vectors there are."""
        ...

    @property
    def mean(self) -> NDArray[np.float64]:
        """Their mean (d,)."""
        ...

    @property
    def dimension(self) -> int:
        """Length d of a vector."""
        ...

    @property
    def trace(self) -> float:
        """The trace of their scatter."""
        ...

    def times(self, other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return their scatter times a vector (d,) or a matrix (d, k)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Count n, mean (d,) and centred scatter sum((v - mean)(v - mean)^T) (d, d), float64."""

    count: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @classmethod
    def empty(cls, dimension: int) -> Self:
        """Return the moments of no vectors."""
        return cls(0, np.zeros(dimension), np.zeros((dimension, dimension)))

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Self:
        """Compute the moments of vectors (n, d)."""
        if not len(vectors):
            return cls.empty(vectors.shape[1])
        wide = vectors.astype(np.float64)
        mean = wide.mean(axis=0)
        wide -= mean
        return cls(len(vectors), mean, wide.T @ wide)

    @property
    def dimension(self) -> int:
        """Length d of a vector."""
        return int(self.mean.shape[0])

    @property
    def trace(self) -> float:
        """The sum of all squares."""
        return float(np.trace(self.scatter))

    def times(self, other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scatter times a vector (d,) or a matrix (d, k)."""
        return self.scatter @ other

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of both sets together.

        Raises:
            ValueError: The dimensions differ.
        """
        self._require_same_dimension(other)
        if not other.count:
            return self
        if not self.count:
            return other
        count = self.count + other.count
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.count / count)
        between = np.outer(apart, apart) * (self.count * other.count / count)
        return Moments(count, mean, self.scatter + other.scatter + between)

    def subtract(self, other: "Moments") -> "Moments":
        """Return the moments of the set without a part of it: the inverse of merge.

        Raises:
            ValueError: The dimensions differ, or the part is larger than the set.
        """
        self._require_same_dimension(other)
        count = self.count - other.count
        if count < 0:
            raise ValueError(f"cannot take {other.count} vectors from {self.count}")
        if not other.count:
            return self
        if not count:
            return Moments.empty(self.dimension)
        mean = self.mean + (self.mean - other.mean) * (other.count / count)
        apart = other.mean - mean
        between = np.outer(apart, apart) * (count * other.count / self.count)
        return Moments(count, mean, self.scatter - other.scatter - between)

    def _require_same_dimension(self, other: "Moments") -> None:
        if self.dimension != other.dimension:
            raise ValueError(f"dimensions {self.dimension} and {other.dimension} differ")
