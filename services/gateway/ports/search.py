"""What is needed to find records: by words, by likeness, by id."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from shared.errors import MapstreamError

Form = Literal["csv", "parquet"]
"""What a selection is written as."""


class NoVectorsError(MapstreamError):
    """The vectors of a collection are not published."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Records whose text has every word."""

    ids: Sequence[str]
    """The first of them, in the order of the file."""
    total: int
    """How many there are among those that were looked at."""
    searched: int
    records: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records of each source have every word."""

    counts: Mapping[str, int]
    """By the names of sources; those that have none are left out."""
    searched: int
    records: int


@dataclass(frozen=True, slots=True)
class Alike:
    """Records near to another, the nearest first."""

    ids: Sequence[str]
    similarities: Sequence[float]
    """Cosines of the angles between the vectors, from -1 to 1."""
    compared: int


class RecordSearch(Protocol):
    """Finds records in the public files."""

    async def matching(
        self, collection: str, words: Sequence[str], most: int, within_s: float | None = None
    ) -> Matches | None:
        """Find the records whose text has every word; nothing if there is no map yet.

        After some time it ends, and says how far it came.

        Raises:
            TransientError: The files could not be read.
        """
        ...

    async def tally(self, collection: str, words: Sequence[str]) -> Tally | None:
        """Count, for each source, the records whose text has every word; nothing without a map.

        Raises:
            TransientError: The files could not be read.
        """
        ...

    async def some(self, collection: str, ids: Sequence[str]) -> Sequence[dict[str, Any]]:
        """Return records by their ids, in that order; those that are not there are left out.

        Raises:
            TransientError: The files could not be read.
        """
        ...


class VectorSearch(Protocol):
    """Compares vectors."""

    async def neighbours(self, collection: str, key: str, most: int) -> Alike | None:
        """Find the records nearest to one, itself left out; nothing if it has no vector there.

        Raises:
            NoVectorsError: The vectors are not published.
            TransientError: The files could not be read.
        """
        ...


class Exporter(Protocol):
    """Writes some rows of the public file as a file of their own."""

    def pieces(
        self, collection: str, ids: Sequence[str], form: Form
    ) -> AbstractAsyncContextManager[AsyncGenerator[bytes, None] | None]:
        """Open the file, and give what is written bit by bit; nothing if there is no map yet.

        Rows stand in the order of the public file, even if that is replaced meanwhile; ids that
        it does not have are left out.

        Raises:
            TransientError: The file could not be read.
        """
        ...
