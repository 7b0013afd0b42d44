"""What is counted: a square of sums, and the vectors that came and left since it was made.

A square of d numbers by d costs as much to store as 2 d vectors, however few vectors it takes in.
So vectors stand beside it until they are as many as its rows, and are folded into it then. A
collection of fewer vectors than that has no square: it is its vectors.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from services.projection.domain.moments import Moments, Statistics

SUMMED_TOGETHER = 256
"""So many vectors at least, or a quarter of d: all are rounded as the longest among them is."""
MULTIPLIED_UP_TO = 0.25
"""Up to so many changes, as a share of d, a fit multiplies by each rather than sum them first."""
Key = tuple[str, bool]


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """The vectors of a batch that came in, or left."""

    batch_id: str
    vectors: NDArray[np.float32]
    is_added: bool = True

    @property
    def key(self) -> Key:
        """What there is at most one of."""
        return self.batch_id, self.is_added


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The moments of a square and of changes, as they are multiplied with: d x d is never made.

    About the mean of all, the scatter is the square's, with what its own mean is off, and the
    products of the changes; those that left count negative.
    """

    count: int
    mean: NDArray[np.float64]
    square: Moments | None
    parts: Sequence[tuple[float, NDArray[np.float64]]]
    """Sign and vectors, less the mean."""

    @property
    def dimension(self) -> int:
        """Length d of a vector."""
        return len(self.mean)

    @property
    def trace(self) -> float:
        """The sum of all squares."""
        total = sum(sign * float(np.vdot(part, part)) for sign, part in self.parts)
        if self.square is None:
            return total
        apart = self.square.mean - self.mean
        return total + self.square.trace + self.square.count * float(apart @ apart)

    def times(self, other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scatter times a vector (d,) or a matrix (d, k)."""
        product = np.zeros(other.shape)
        if self.square is not None:
            apart = self.square.mean - self.mean
            product += self.square.times(other)
            product += np.multiply.outer(self.square.count * apart, apart @ other)
        for sign, part in self.parts:
            product += sign * (part.T @ (part @ other))
        return product


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The moments of what is counted; a batch came in at most once, and left at most once."""

    dimension: int
    square: Moments | None = None
    changes: Mapping[Key, Change] = field(default_factory=lambda: MappingProxyType({}))
    count: int = field(init=False)
    """How many vectors are counted."""
    loose: int = field(init=False)
    """How many vectors have come or left since the square was made."""

    def __post_init__(self) -> None:
        """Count once: one-record batches can be thousands."""
        came = sum(len(one.vectors) for one in self.changes.values() if one.is_added)
        left = sum(len(one.vectors) for one in self.changes.values() if not one.is_added)
        counted = self.square.count if self.square else 0
        object.__setattr__(self, "count", counted + came - left)
        object.__setattr__(self, "loose", came + left)

    @property
    def is_full(self) -> bool:
        """Whether it is time to fold."""
        return self.loose >= self.dimension

    @property
    def mean(self) -> NDArray[np.float64]:
        """Of what is counted; zero of nothing."""
        total = np.zeros(self.dimension)
        if self.square is not None:
            total += self.square.count * self.square.mean
        for one in self.changes.values():
            part = one.vectors.sum(axis=0, dtype=np.float64)
            total += part if one.is_added else -part
        return total / max(1, self.count)

    @property
    def scatter(self) -> NDArray[np.float64]:
        """Of what is counted, as a square: dear where d is large."""
        return self.summed().scatter

    def statistics(self) -> Statistics:
        """Return what a model is fitted to, by the cheaper way."""
        return self.spread() if self.loose <= MULTIPLIED_UP_TO * self.dimension else self.summed()

    def spread(self) -> Spread:
        """Return the moments without summing them."""
        mean, parts = self.mean, []
        for is_added, sign in ((True, 1.0), (False, -1.0)):
            some = [one.vectors for one in self.changes.values() if one.is_added is is_added]
            if some:
                parts.append((sign, np.concatenate(some) - mean))
        return Spread(self.count, mean, self.square, parts)

    def summed(self) -> Moments:
        """Return the moments of everything, about the mean of all, as ``Spread`` has it."""
        mean, scatter = self.mean, np.zeros((self.dimension, self.dimension))
        if self.square is not None:
            apart = self.square.mean - mean
            np.multiply.outer(self.square.count * apart, apart, out=scatter)
            scatter += self.square.scatter
        for is_added in (True, False):
            for part in self._parts(is_added=is_added):
                wide = part - mean
                product = wide.T @ wide
                (np.add if is_added else np.subtract)(scatter, product, out=scatter)
        return Moments(self.count, mean, scatter)

    def _parts(self, *, is_added: bool) -> Iterable[NDArray[np.float32]]:
        """Join vectors: what is done once for a part costs a square, however few its rows."""
        some = [one.vectors for one in self.changes.values() if one.is_added is is_added]
        if some:
            together = np.concatenate(some)
            size = max(SUMMED_TOGETHER, self.dimension // 4)
            for start in range(0, len(together), size):
                yield together[start : start + size]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Recount:
    """One step from what was counted to what is."""

    counted: Counted
    entered: Sequence[Change] = ()
    """Changes that there are now."""
    dropped: Sequence[Key] = ()
    """Changes that there are no more."""
    is_folded: bool = False
    """Whether the square is another one, and all changes are in it."""


def recount(
    before: Counted,
    *,
    into: Mapping[str, NDArray[np.float32]] | None = None,
    out: Mapping[str, NDArray[np.float32]] | None = None,
) -> Recount:
    """Take batches out, others in, and fold when it is time.

    What leaves before it was folded leaves as it came. Else it is one more change. Changes have
    vectors of their own: else the messages that these are parts of would stay, too.

    Raises:
        ValueError: What is to leave cannot have been counted, or has another dimension.
    """
    changes, entered = dict(before.changes), list[Change]()
    dropped = _leave(changes, entered, before.dimension, out or {})
    for batch_id, vectors in (into or {}).items():
        if (batch_id, True) in changes:
            raise ValueError(f"{batch_id} is counted already")
        entered.append(Change(batch_id, _of(before.dimension, vectors)))
        changes[batch_id, True] = entered[-1]
    counted = replace(before, changes=changes)
    if counted.count < 0:
        raise ValueError(f"there are {counted.count} vectors left")
    if not counted.count:
        return Recount(counted=Counted(before.dimension), is_folded=True)
    if counted.is_full:
        return Recount(counted=Counted(before.dimension, counted.summed()), is_folded=True)
    own = [replace(one, vectors=one.vectors.copy()) for one in entered]
    counted = replace(before, changes=changes | {one.key: one for one in own})
    return Recount(counted=counted, entered=own, dropped=dropped)


def _leave(
    changes: dict[Key, Change],
    entered: list[Change],
    dimension: int,
    out: Mapping[str, NDArray[np.float32]],
) -> list[Key]:
    """Take batches out of changes, or enter that they left; returns the changes that are gone."""
    dropped = []
    for batch_id, vectors in out.items():
        came = changes.get((batch_id, True))
        if came is not None and len(came.vectors) == len(vectors):
            dropped.append(came.key)
            del changes[came.key]
            continue
        if (batch_id, False) in changes:
            raise ValueError(f"{batch_id} has left before")
        entered.append(Change(batch_id, _of(dimension, vectors), is_added=False))
        changes[batch_id, False] = entered[-1]
    return dropped


def _of(dimension: int, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    if vectors.shape[1] != dimension:
        raise ValueError(f"dimensions {dimension} and {vectors.shape[1]} differ")
    return vectors
