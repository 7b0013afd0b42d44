"""What discovery keeps of the sources that stand still."""

from collections.abc import Sequence
from typing import Protocol

from services.discovery.domain.stalls import Stall, Standing


class StallStore(Protocol):
    """The sources that stand still. Every method may raise ``TransientError``."""

    async def look_for_standing(self, collection: str, before: int, most: int) -> Standing:
        """Look at the unfinished sources of a collection of which no stall is noted.

        They are queued as they began. What moves between two looks has moved in the first of
        them; that counts for those behind it, too, and so does its end, for one look.

        Args:
            collection: The collection.
            before: Those are wanted at which, and before which, nothing moved in this look or a
                later one.
            most: At most so many of them; the others come when these are noted.
        """
        ...

    async def stalls(self, collection: str, most: int) -> list[Stall]:
        """Return those of a collection, the longest first, at most so many.

        One is over, and gone, as soon as anything becomes of its source.
        """
        ...

    async def count_stalls(self, collection: str) -> int:
        """Count them."""
        ...

    async def untold_stalls(self, collection: str, most: int) -> list[Stall]:
        """Return those of which the outside was not told, the longest first, at most so many."""
        ...

    async def note_stalls(self, stalls: Sequence[Stall]) -> None:
        """Note stalls, or what is new of them, in one transaction; not of what moved meanwhile."""
        ...
