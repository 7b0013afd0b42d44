"""Rules about vectors."""

import numpy as np
from numpy.typing import NDArray


def normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row of (n, d) to length one; a row of zeros stays as it is.

    Rows are scaled in float64, each by itself, so that a vector does not depend on its batch.
    """
    wide = vectors.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))
        lengths[lengths == 0] = 1.0
        return (wide / lengths[:, None]).astype(np.float32)
