"""Asks discovery which collections there are."""

from dataclasses import dataclass

from nats.aio.client import Client

from shared.bus.asking import ask
from shared.bus.registry.questions import COLLECTIONS_LIST
from shared.contracts.collections import (
    MOST_COLLECTIONS,
    CollectionPage,
    CollectionRecord,
    ListCollections,
)


@dataclass(frozen=True, slots=True)
class CollectionBook:
    """What is kept of the collections, as one connection learns it."""

    client: Client

    async def page(self, *, after: str = "", limit: int = MOST_COLLECTIONS) -> CollectionPage:
        """Return a page of them, in the order of their names.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        return await ask(self.client, COLLECTIONS_LIST, ListCollections(after=after, limit=limit))

    async def all(self) -> list[CollectionRecord]:
        """Return all of them, in the order of their names; raises as ``page``."""
        found: list[CollectionRecord] = []
        after: str | None = ""
        while after is not None:
            page = await self.page(after=after)
            found += page.items
            after = page.next_after
        return found

    async def find(self, name: str) -> CollectionRecord | None:
        """Return the one of a name, if there is one; raises as ``page``."""
        page = await ask(self.client, COLLECTIONS_LIST, ListCollections(name=name))
        return page.items[0] if page.items else None
