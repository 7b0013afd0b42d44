"""Rules about vectors."""

import numpy as np
from numpy.typing import NDArray

ALIKE = 0.01
"""Rounding moves a text's vector by less than this share of its length, another model by more;
half precision, and the company of other texts, by about a thousandth."""


def is_alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Tell whether two vectors (d,) can be what one model made of one text."""
    if one.shape != other.shape:
        return False
    wide, apart = one.astype(np.float64), one.astype(np.float64) - other
    return bool(np.linalg.norm(apart) <= ALIKE * np.linalg.norm(wide))


def normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row of (n, d) to length one; a row of zeros stays as it is.

    Rows are scaled in float64, each by itself, so that a vector does not depend on its batch.
    """
    wide = vectors.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))
        lengths[lengths == 0] = 1.0
        return (wide / lengths[:, None]).astype(np.float32)
