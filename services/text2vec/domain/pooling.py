"""Rules that make one vector of many."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def add_rows(
    table: npt.NDArray[np.int8], scales: Floats, ids: npt.NDArray[np.int64], total: Doubles
) -> None:
    """Add the scaled rows of a table to a running total, row after row.

    The order of the additions is that of ``ids``, so the sum does not depend on anything else.

    Args:
        table: One int8 row per token.
        scales: What each row is to be multiplied with.
        ids: The rows to add.
        total: Changed in place.
    """
    for start in range(0, len(ids), 512):
        some = ids[start : start + 512]
        rows = table[some].astype(np.float32)
        rows *= scales[some, None]
        total += rows.sum(axis=0)


def mean_pool(hidden: Floats, mask: npt.NDArray[np.int64]) -> Floats:
    """Average each text's token vectors, padding left out.

    Args:
        hidden: Vectors of shape (texts, tokens, dimension).
        mask: 1 for a token, 0 for padding, of shape (texts, tokens); no text is without a token.

    Returns:
        Vectors of shape (texts, dimension).
    """
    weights = mask[:, :, None].astype(np.float32)
    pooled: Floats = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    return pooled


def scale_to_unit(vectors: npt.NDArray[np.floating]) -> Floats:
    """Give every row length 1; a row without direction (zero or not finite) becomes zero."""
    exact = np.asarray(vectors, np.float64)
    lengths = np.sqrt((exact * exact).sum(axis=-1, keepdims=True))
    usable = np.isfinite(lengths) & (lengths > 0)
    unit = np.divide(exact, lengths, out=np.zeros_like(exact), where=usable)
    return unit.astype(np.float32)
