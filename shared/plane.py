"""The plane of a projection: two directions through a mean, and nothing else.

Projection fits planes, writing applies them to what it stores, and any subscriber may apply the
plane that ``projection.updated`` carries: so the rule is here once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A mean (d,) and two orthonormal directions (2, d), both float32."""

    mean: NDArray[np.float32]
    components: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.components.shape != (COMPONENTS, self.mean.shape[0]):
            raise ValueError(
                f"a plane of dimension {self.mean.shape[0]} needs components of shape "
                f"(2, {self.mean.shape[0]}), not {self.components.shape}"
            )

    @property
    def dimension(self) -> int:
        """Length d of the vectors that this plane projects."""
        return int(self.mean.shape[0])

    def is_same(self, other: "Plane") -> bool:
        """Tell whether both put every vector at the same place."""
        return np.array_equal(self.mean, other.mean) and np.array_equal(
            self.components, other.components
        )

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project vectors (n, d) to coordinates (n, 2), both float32.

        The arithmetic runs in float64, so that a point's coordinates do not depend on which
        others were projected with it.

        Raises:
            ValueError: The vectors are not of this plane's dimension.
        """
        if vectors.ndim != COMPONENTS or vectors.shape[1] != self.dimension:
            raise ValueError(
                f"vectors of shape {vectors.shape} on a plane of dimension {self.dimension}"
            )
        centred = vectors.astype(np.float64) - self.mean.astype(np.float64)
        return (centred @ self.components.T.astype(np.float64)).astype(np.float32)
