"""What ``mapstream verify`` needs of what is kept, wherever that is."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.cli.domain.kept import (
    Account,
    BatchTally,
    KeptModel,
    KeptMoments,
    Rows,
    SourceTally,
    Staged,
    Stand,
    TextSum,
)


class KeptMap(Protocol):
    """One collection as its owners keep it; it is only read, and never in one piece."""

    collection: str

    def stand(self) -> Stand:
        """Return how far each owner is by now."""

    def apart(self) -> Mapping[str, str]:
        """Return by owner what keeps its state from belonging to the dataset, if anything does."""

    def emptied(self) -> Mapping[str, int]:
        """Return by source id the versions that the dataset has had, and that have no rows."""

    def accounts(self) -> Iterator[Account]:
        """Read the ledger's account of every source."""

    def rows(self) -> Iterator[Rows]:
        """Read all rows of the dataset."""

    def vectors(self) -> Iterator[NDArray[np.float32]]:
        """Read all vectors of the dataset."""

    def row_names(self) -> Iterator[tuple[str, str]]:
        """Read id and filename of every row of the dataset."""

    def row_count(self) -> int:
        """Return how many rows the dataset has."""

    def public_rows(self) -> Iterator[Rows]:
        """Read all rows of the public files.

        Raises:
            MapstreamError: They are missing or damaged, or do not belong together.
        """

    def has_public_vectors(self) -> bool:
        """Tell whether the vectors are public, too."""

    def counted(self) -> Iterator[tuple[str, int]]:
        """Read which batches projection has counted, and how many records of each."""

    def source_sum(self, filename: str) -> TextSum | None:
        """Read a source itself again; none if it is not plain, not whole or not as it was."""

    def pending(self) -> int:
        """Return of how many batches projection does not know yet whether they are stored."""

    def doubted(self) -> Iterator[tuple[str, str]]:
        """Read id and source of the batches that are stored and never came to projection so."""

    def staged(self) -> Iterator[Staged]:
        """Read what waits beside the dataset, by source."""

    def awaited(self) -> Iterator[Staged]:
        """Read what the ledger says waits beside the dataset, by source."""

    def moments(self) -> KeptMoments | None:
        """Return projection's moments."""

    def newest_model(self) -> KeptModel | None:
        """Return the newest model of projection's state."""

    def archived_model(self, version: int | None = None) -> KeptModel | None:
        """Return a model of the archive beside the dataset, or its newest."""

    def shown_model(self) -> KeptModel | None:
        """Return the model that the public files carry."""


class Tally(Protocol):
    """What was read of every source and batch, side by side, outside of memory."""

    def add_accounts(self, accounts: Iterable[Account]) -> None:
        """Take what the ledger says."""

    def add_stored(self, rows: Rows, *, has_vectors: bool) -> None:
        """Take rows of the dataset."""

    def add_public(self, rows: Rows, *, has_vectors: bool) -> None:
        """Take rows of the public files."""

    def add_counted(self, batches: Iterable[tuple[str, int]]) -> None:
        """Take what projection has counted."""

    def sources(self) -> Iterator[SourceTally]:
        """Return every source that anybody knows."""

    def unequal_batches(self) -> Iterator[BatchTally]:
        """Return the batches of which not as many records are stored as are counted."""

    def repeated_ids(self) -> set[int]:
        """Return the hashes of ids that more than one row has."""
