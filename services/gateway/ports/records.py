"""What is needed of single records."""

from dataclasses import dataclass
from typing import Any, Protocol

COLUMNS = (
    "id", "text", "type", "filename", "iteration", "idx_in_iteration", "timestamp", "arrived_at",
    "attributes", "projection_x", "projection_y",
)  # fmt: skip
"""What is told of a record, by the names of the public file; what else it has is not read."""


@dataclass(frozen=True, slots=True)
class Step:
    """A record beside another in their source."""

    id: str
    iteration: int
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record and its place among those of its source."""

    columns: dict[str, Any]
    """Those of `COLUMNS`, as the public file has them."""
    place: int
    """From 0."""
    steps: int
    previous: Step | None
    next: Step | None


class RecordReader(Protocol):
    """The records that the public files hold."""

    async def find(
        self, collection: str, key: str, source: str | None = None
    ) -> FoundRecord | None:
        """Return the record of an id, if there is one.

        Args:
            collection: The collection.
            key: The id.
            source: The filename of the source in which it is looked for first. The answer is the
                same without it, and with a wrong one: only later.

        Raises:
            TransientError: The files could not be read.
        """
        ...
