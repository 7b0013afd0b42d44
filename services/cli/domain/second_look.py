"""Moments made once more from the vectors themselves, by the plainest way: two passes."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from services.cli.domain.kept import KeptMoments

Vectors = Callable[[], Iterator[NDArray[np.float32]]]
SCATTER = 1e-9
"""So far may the scatter be off, as a share of its trace."""
MEAN = 1e-9
VARIANCE = 1e-6
POINT = 1e-5
"""So far may a coordinate be off, as a share of the largest: they are float32."""


def two_pass(vectors: Vectors) -> KeptMoments | None:
    """Return the moments of vectors that are read twice; none of no vectors."""
    count, total = 0, None
    for some in vectors():
        part = some.sum(axis=0, dtype=np.float64)
        total = part if total is None else total + part
        count += len(some)
    if total is None or not count:
        return None
    mean = total / count
    scatter = np.zeros((len(mean), len(mean)))
    for some in vectors():
        wide = some.astype(np.float64) - mean
        scatter += wide.T @ wide
    return KeptMoments(count, mean, scatter)


def with_changes(
    square: KeptMoments | None, changes: Sequence[tuple[int, NDArray[np.float32]]]
) -> KeptMoments | None:
    """Return the moments of a square, with what came (1) and without what left (-1) since."""
    count = square.count if square else 0
    total = square.count * square.mean if square else 0.0
    for sign, some in changes:
        count += sign * len(some)
        total = total + sign * some.sum(axis=0, dtype=np.float64)
    if np.ndim(total) == 0:
        return None
    mean = np.asarray(total / max(1, count))
    scatter = np.zeros((len(mean), len(mean)))
    if square:
        apart = square.mean - mean
        scatter += square.scatter + square.count * np.outer(apart, apart)
    for sign, some in changes:
        wide = some.astype(np.float64) - mean
        scatter += sign * (wide.T @ wide)
    return KeptMoments(count, mean, scatter)


def moments_off(kept: KeptMoments, right: KeptMoments) -> str | None:
    """Say how far moments are off; nothing if they are as near as they must be."""
    if kept.count != right.count:
        return f"{kept.count:,} vectors"
    if kept.mean.shape != right.mean.shape:
        return f"dimension {len(kept.mean)}"
    trace = max(float(np.trace(right.scatter)), np.finfo(np.float64).tiny)
    off = float(np.linalg.norm(kept.scatter - right.scatter)) / trace
    size = max(1.0, float(np.abs(right.mean).max()))
    shift = float(np.abs(kept.mean - right.mean).max()) / size
    if off <= SCATTER and shift <= MEAN:
        return None
    return f"a scatter that is off by {off:.2g} of its trace, a mean by {shift:.2g}"


def largest_variances(moments: KeptMoments) -> NDArray[np.float64]:
    """Return the two largest variances of the vectors, with n - 1 as divisor."""
    values = np.linalg.eigvalsh(moments.scatter)[::-1][:2]
    return np.asarray(values / max(1, moments.count - 1))


def points_off(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> int:
    """Count the points that are elsewhere."""
    if not len(wanted):
        return 0
    reach = POINT * max(1.0, float(np.abs(wanted).max()))
    return int((~(np.abs(found - wanted) <= reach)).any(axis=1).sum())
