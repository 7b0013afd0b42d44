"""What is needed of single records."""

from dataclasses import dataclass
from typing import Any, Protocol


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
    """As the public file has them."""
    place: int
    """From 0."""
    steps: int
    previous: Step | None
    next: Step | None


class RecordReader(Protocol):
    """The records that the public files hold."""

    async def find(self, collection: str, key: str) -> FoundRecord | None:
        """Return the record of an id, if there is one.

        Raises:
            TransientError: The files could not be read.
        """
        ...
