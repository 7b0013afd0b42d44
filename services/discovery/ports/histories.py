"""To which dataset the ledger belongs, and what it takes over from that."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.discovery.domain.sources import HeldSource


class HistoryStore(Protocol):
    """The part of the ledger that goes by what the dataset has. Each method is one transaction.

    Each may raise TransientError: the ledger could not be read or written.
    """

    async def history(self, collection: str) -> str | None:
        """Return to which dataset the ledger of a collection belongs, as it was kept."""

    async def keep_history(self, collection: str, document: str) -> None:
        """Keep that."""

    async def position(self, collection: str) -> tuple[int, bool]:
        """Return a number that grows with every version, and whether anything is mapped."""

    async def take_over(
        self, collection: str, sources: Sequence[HeldSource], now: datetime
    ) -> None:
        """Number versions from those of the dataset on, and have these sources read again.

        What the ledger has begun of them with the same numbers, or lower ones, is given up.
        """
