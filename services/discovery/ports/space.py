"""What discovery has to know of the place of the dataset before it reads."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Space:
    """How much room there is beside a dataset, and how much a version needs."""

    free_bytes: int
    needed_bytes: int

    @property
    def is_enough(self) -> bool:
        """Whether the version may be read."""
        return self.free_bytes >= self.needed_bytes


class SpaceTeller(Protocol):
    """Knows the place of the dataset of every collection."""

    async def space_for(self, collection: str, content_bytes: int, records: int) -> Space | None:
        """Tell whether there is room for a version that replaces another one.

        Args:
            collection: Of which.
            content_bytes: Length of its content.
            records: How many it will have, as far as can be told.

        Returns:
            None if nobody tells.
        """
        ...
