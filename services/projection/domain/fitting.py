"""Fits a plane to moments and turns it onto the plane before it.

The fit is the principal component analysis of the vectors that the moments were made of: the two
leading eigenvectors of the scatter matrix, which Lanczos's method finds by multiplying alone: a
hundred times as fast as to decompose a large matrix, and meanwhile other threads run. The turn is
the orthogonal Procrustes solution of Schönemann (1966), computed from the moments alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from services.projection.domain.moments import Statistics
from shared.plane import COMPONENTS, Plane

DECOMPOSED_UP_TO = 16
"""A matrix of so few dimensions is not worth iterating over."""
KRYLOV = 40
"""Dimensions of the space that the leading axes are looked for in."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A plane and how much of the variance lies along each of its axes."""

    plane: Plane
    explained_variance: tuple[float, float] | None
    """With n - 1 as divisor, in squared units of the vectors; none of old fits, which lack it."""
    explained_variance_ratio: tuple[float, float]
    """Their shares of all variance."""


def fit(moments: Statistics) -> Fit:
    """Fit the plane of greatest variance through the mean.

    Degenerate moments (one record, identical records, rank 1, d = 1) give a finite plane whose
    surplus axes explain nothing. Signs follow the convention of scikit-learn: the largest
    coefficient of each component is positive.

    Args:
        moments: Of at least one vector.

    Raises:
        ValueError: There is no vector.
    """
    if not moments.count:
        raise ValueError("there are no vectors to fit a plane to")
    d = moments.dimension
    top = min(COMPONENTS, d)
    values, vectors = _leading(moments)
    components = np.zeros((COMPONENTS, d))
    components[:top] = _with_positive_peaks(vectors[:, -top:].T[::-1])
    squares = np.zeros(COMPONENTS)
    squares[:top] = values[-top:][::-1]
    plane = Plane(moments.mean.astype(np.float32), components.astype(np.float32))
    return _explaining(plane, squares, moments)


def align(fitted: Fit, onto: Plane, moments: Statistics) -> Fit:
    """Turn or reflect a plane so that the points move as little as possible from the old map.

    Minimises the sum over all vectors v of |old(v) - R new(v)|^2 over orthogonal R (2, 2). With
    the mean of the new plane being that of the moments, the cross moment of old and new
    coordinates is C_old S C_new^T: no vector is needed.

    Args:
        fitted: The new plane, fitted to these moments.
        onto: The plane of the map as it is.
        moments: Of the vectors on the map.

    Returns:
        The same plane with turned axes; the variances are those along the new axes.
    """
    old = onto.components.astype(np.float64)
    new = fitted.plane.components.astype(np.float64)
    left, _, right = np.linalg.svd(old @ moments.times(new.T))
    turned = (left @ right) @ new
    squares = (moments.times(turned.T).T * turned).sum(axis=1)
    plane = Plane(fitted.plane.mean, turned.astype(np.float32))
    return _explaining(plane, squares, moments)


def _leading(moments: Statistics) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return eigenvalues, at least the two largest, rising, and their vectors as columns."""
    d, total = moments.dimension, moments.trace
    if d <= DECOMPOSED_UP_TO:
        scatter = moments.times(np.eye(d))
        values, vectors = np.linalg.eigh((scatter + scatter.T) / 2)
        return values, vectors
    if total <= 0:  # all vectors are the same: any plane is as good as another
        return np.zeros(COMPONENTS), np.eye(d, COMPONENTS)
    shares = LinearOperator((d, d), matvec=lambda v: moments.times(v) / total, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(d)  # the same each time, and across no axis
    try:
        values, vectors = eigsh(shares, k=COMPONENTS, which="LA", v0=start, ncv=min(d, KRYLOV))
    except ArpackError:  # it gives up on some spectra; this takes long, but no lock of Python's
        values, vectors = np.linalg.eigh(moments.times(np.eye(d)) / total)
    order = values.argsort()
    return values[order] * total, vectors[:, order]


def _explaining(plane: Plane, squares: NDArray[np.float64], moments: Statistics) -> Fit:
    """Say what a plane explains, by the sums of squares (2,) along its axes."""
    first, second = (max(0.0, float(one)) for one in squares)
    total = moments.trace
    ratio = (first / total, second / total) if total > 0 else (0.0, 0.0)
    freedom = max(1, moments.count - 1)
    return Fit(plane, (first / freedom, second / freedom), ratio)


def _with_positive_peaks(components: NDArray[np.float64]) -> NDArray[np.float64]:
    peaks = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return components * np.where(peaks < 0, -1.0, 1.0)
