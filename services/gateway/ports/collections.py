"""What is needed of the collections' records."""

from typing import Protocol

from shared.contracts.collections import CollectionPage, CollectionRecord


class CollectionBook(Protocol):
    """What is kept of the collections."""

    async def page(self, *, after: str, limit: int) -> CollectionPage:
        """Return a page of them, in the order of their names.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        ...

    async def find(self, name: str) -> CollectionRecord | None:
        """Return the one of a name, if there is one; raises as ``page``."""
        ...
