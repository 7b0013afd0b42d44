"""How far a new plane moves the points of the old one, known from the moments alone.

For a vector v the displacement is D v + b with D = C_new - C_old and b = C_old m_old - C_new m_new
(C components, m means). Over all vectors with mean m and scatter S its mean is D m + b, and its
mean square tr(D S D^T) / n + |D m + b|^2: exact, without a vector.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.projection.domain.moments import Statistics
from shared.plane import Plane

SIGMAS = 6.0
"""The map's diagonal is that of a box of three standard deviations to each side."""


@dataclass(frozen=True, slots=True)
class MovementFigures:
    """Lengths in units of the map, and shares of its diagonal; see the contract ``Movement``."""

    rms: float
    rms_share: float
    centre: float
    centre_share: float
    diagonal: float
    explained_before: float
    explained_after: float


def predict_movement(moments: Statistics, old: Plane, new: Plane) -> MovementFigures:
    """Predict the movement of the points that these moments count.

    Args:
        moments: Of at least one vector.
        old: The plane of the map as it is.
        new: The plane that it would get.
    """
    before, after = _wide(old.components), _wide(new.components)
    turn = after - before
    offset = before @ _wide(old.mean) - after @ _wide(new.mean)
    centre = float(np.linalg.norm(turn @ moments.mean + offset))
    spread = _variance(turn, moments)
    rms = float(np.sqrt(spread + centre**2))
    diagonal = SIGMAS * float(np.sqrt(_variance(before, moments) or _variance(after, moments)))
    return MovementFigures(
        rms=rms,
        rms_share=rms / diagonal if diagonal else 0.0,
        centre=centre,
        centre_share=centre / diagonal if diagonal else 0.0,
        diagonal=diagonal,
        explained_before=explained_share(old, moments),
        explained_after=explained_share(new, moments),
    )


def explained_share(plane: Plane, moments: Statistics) -> float:
    """Return the share of the variance that lies in a plane, wherever its mean is."""
    total = moments.trace / max(1, moments.count)
    return _variance(_wide(plane.components), moments) / total if total > 0 else 0.0


def mean_shift(moments: Statistics, model_mean: NDArray[np.float32]) -> float:
    """Return how far the mean is from a model's, in standard deviations of the vectors."""
    deviation = float(np.sqrt(max(0.0, moments.trace) / max(1, moments.count)))
    distance = float(np.linalg.norm(moments.mean - _wide(model_mean)))
    return distance / deviation if deviation > 0 else 0.0


def _variance(rows: NDArray[np.float64], moments: Statistics) -> float:
    """Return the variance along all rows together: tr(R S R^T) / n."""
    total = (moments.times(rows.T).T * rows).sum()
    return max(0.0, float(total)) / max(1, moments.count)


def _wide(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return values.astype(np.float64)
