"""The checksum of vectors, by which stages compare what they have without sending it.

Writing tells of what it stores, projection has what it counted: so the rule is here once.
"""

import sys
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

SIZE = 16
"""Bytes of a checksum: BLAKE2b with a digest of 128 bits."""


def vector_checksum(vectors: NDArray[np.float32]) -> str:
    """Return the checksum of vectors in their order.

    It is ``hashlib.blake2b(data, digest_size=16).hexdigest()``, where ``data`` are the numbers as
    float32, little endian, row after row, and nothing else: no shape, no padding. Every bit
    counts, so 0.0 and -0.0 differ. Of no vectors, it is that of no bytes.

    Args:
        vectors: (n, d), float32.

    Returns:
        32 hexadecimal digits, in lower case.

    Raises:
        TypeError: They are of another type, and so of other bytes.
    """
    if vectors.dtype != np.float32:
        raise TypeError(f"vectors of {vectors.dtype}, not of float32")
    rows = np.ascontiguousarray(vectors)
    if sys.byteorder == "big":
        rows = rows.byteswap()
    return blake2b(rows.reshape(-1).view(np.uint8).data, digest_size=SIZE).hexdigest()
