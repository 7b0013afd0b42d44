"""What the ledger knows of losses on the bus."""

from typing import Protocol

from services.discovery.domain.ledger import SourceRecord


class LossStore(Protocol):
    """The part of the ledger that is asked for what was lost. Each method is one transaction."""

    async def births(self, collection: str) -> str | None:
        """Return what was noted of the consumers on the way of a collection; none at first.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def note_births(self, collection: str, births: str) -> None:
        """Note when the consumers on the way of a collection were made.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def lost_with_source(self, collection: str) -> list[SourceRecord]:
        """Return the sources that failed while records of them were on their way.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def lost_batches(self, source_id: str) -> list[str]:
        """Return the batches of a source of which something is neither mapped, dead nor staged.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def withdraw(self, source_id: str) -> int:
        """Take out of the account of a source that failed what nobody has.

        Records that are neither mapped nor dead count as not read. Should they arrive all the
        same, or the source be read again, they count again.

        Returns:
            How many they were; 0 if the source has not failed.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...
