"""Which vectors are taken: those of which sums of squares can be kept exactly.

The moments of a collection hold sums of squares in float64. The square of one vector that is a
million million times longer than the others takes all of their digits, and subtracting it later
does not bring them back. Embedding models give vectors of length one to some thousands.
"""

import numpy as np
from numpy.typing import NDArray

LONGEST = 1e6
UNUSABLE = f"the vector holds NaN or infinite values, or is longer than {LONGEST:,.0f}"


def usable_rows(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell for each row of (n, d) whether it is finite and not too long."""
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    return np.asarray(squares <= LONGEST**2)  # NaN is not
