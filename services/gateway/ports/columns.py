"""What is needed of single columns of the public file."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from services.gateway.domain.attributes import Kind


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What was seen of a column in a part of the records."""

    name: str
    kind: Kind
    records: int
    different: int


class OpenColumn(Protocol):
    """A column, even if its file is replaced meanwhile."""

    @property
    def schema(self) -> pa.Schema:
        """Id and value."""
        ...

    def batches(self) -> AsyncGenerator[pa.RecordBatch, None]:
        """Read id and value in pieces of bounded size.

        Raises:
            TransientError: The file could not be read.
        """
        ...


class ColumnReader(Protocol):
    """The columns by which a map can be coloured."""

    async def list(
        self, collection: str, source: str | None = None
    ) -> tuple[Sequence[ColumnFacts], int] | None:
        """Look what there is in a part of the records, and tell how many those are.

        Args:
            collection: Of which map.
            source: Only of the records that were read from this one.

        Raises:
            TransientError: The file could not be read.
        """
        ...

    def open(
        self, collection: str, name: str, kind: Kind
    ) -> AbstractAsyncContextManager[OpenColumn | None]:
        """Open a column; nothing if there is no map yet, or it has none of this name and kind.

        Raises:
            TransientError: The file could not be read.
        """
        ...
