"""The variances of stored vectors as scikit-learn sees them; nothing of ours has a part in it."""

import numpy as np

from services.cli.ports import KeptMap

MOST_ROWS = 200_000
MOST_BYTES = 512 << 20
"""Of the vectors as float64, which are held in one piece."""
AXES = 2


def second_opinion(kept: KeptMap) -> np.ndarray | None:
    """Return the two largest variances; none of too many vectors, or without scikit-learn."""
    count = kept.row_count()
    if not AXES < count <= MOST_ROWS:
        return None
    vectors = np.empty((0, 0))
    at = 0
    for some in kept.vectors():
        if not at:
            if 8 * count * some.shape[1] > MOST_BYTES or some.shape[1] < AXES:
                return None
            vectors = np.empty((count, some.shape[1]))
        vectors[at : at + len(some)] = some
        at += len(some)
    try:
        from sklearn.decomposition import PCA  # noqa: PLC0415  an extra, and slow to load
    except ImportError:
        return None
    fitted = PCA(n_components=AXES, svd_solver="covariance_eigh").fit(vectors)
    return np.asarray(fitted.explained_variance_)
