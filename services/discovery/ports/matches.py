"""What is kept of decisions about pairs of records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.discovery.domain.matches import Between, Decided, Pair, Wish

Step = tuple[bool, Decided | None]
"""Whether something changed, and what is decided now."""


class MatchStore(Protocol):
    """Decisions about pairs. Each method is one transaction."""

    async def decisions(
        self, between: Between, after: int, most: int
    ) -> list[tuple[int, Decided]]:
        """Return what was decided of pairs, with numbers that only go up, from after one on.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def decide(
        self, between: Between, pairs: Sequence[Pair], wish: Wish, by: str, now: datetime
    ) -> list[Step] | None:
        """Decide of all these pairs, each change with its row of the audit; harmless again.

        Returns:
            What became of each, in that order; None if one of the collections is not served.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...
