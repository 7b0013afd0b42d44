"""Where a dataset comes from, and what it has for whoever has lost what it had of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.contracts.projection import ProjectionModel
from shared.history import History


@dataclass(frozen=True, slots=True, eq=False)
class VectorPage:
    """Some of the stored vectors."""

    dataset_version: int
    rows: int
    """Of that version, all together."""
    batch_ids: Sequence[str]
    vectors: NDArray[np.float32]


class StoredRows(Protocol):
    """What is stored, read beside all else; each raises TransientError: it could not be read."""

    async def sources(self) -> tuple[int, Mapping[str, tuple[str | None, int, int]]]:
        """Return the dataset's version; by source id the filename, newest version and rows."""

    async def vectors(self, after: int, most_bytes: int, version: int | None) -> VectorPage:
        """Return vectors of a version, or of the present one, after so many."""

    async def models(self) -> Sequence[ProjectionModel]:
        """Return the archived models, oldest first."""


class HistoryKeeper(Protocol):
    """Where the history of a dataset is kept; each raises TransientError: the disk refuses."""

    async def load(self) -> History | None:
        """Return it, if there is one; ConfigurationError: what is there is none."""

    async def keep(self, history: History) -> None:
        """Keep it; when this returns, it outlives a power cut."""
