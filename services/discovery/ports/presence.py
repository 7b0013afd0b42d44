"""What of the sources is there, and what was last seen of each."""

from typing import Protocol

from services.discovery.domain.ledger import SourceRecord


class PresenceStore(Protocol):
    """The part of the ledger that follows the files. Each method is one transaction.

    Every method may raise ``TransientError``: the ledger could not be read or written.
    """

    async def incomplete(self, collection: str, most: int) -> list[SourceRecord]:
        """Return the sources whose content lacks an end, by filename, at most so many.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def count_incomplete(self, collection: str) -> int:
        """Return how many those are; some may have an earlier version on the map.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...
