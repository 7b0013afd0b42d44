"""Asks discovery which collections there are."""

from dataclasses import dataclass

from nats.aio.client import Client

from shared.bus.asking import ANSWER_S, ask
from shared.bus.registry.questions import COLLECTIONS_LIST, COLLECTIONS_WAKE
from shared.contracts.collections import (
    MOST_COLLECTIONS,
    CollectionPage,
    CollectionRecord,
    ListCollections,
    WakeCollection,
)


@dataclass(frozen=True, slots=True)
class Listed:
    """All collections, as they were at some time."""

    revision: str
    """Names that time."""
    records: list[CollectionRecord]
    """In the order of their names."""


@dataclass(frozen=True, slots=True)
class CollectionBook:
    """What is kept of the collections, as one connection learns it."""

    client: Client
    is_busy: bool = False
    """Whether only those count that are worked on now."""

    async def page(self, *, after: str = "", limit: int = MOST_COLLECTIONS) -> CollectionPage:
        """Return a page of them, in the order of their names.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        return await ask(self.client, COLLECTIONS_LIST, ListCollections(after=after, limit=limit))

    async def all(self) -> list[CollectionRecord]:
        """Return all of them, in the order of their names; raises as ``page``."""
        listed = await self.changed("", 0.0)
        return listed.records if listed else []

    async def changed(self, known: str, wait_s: float) -> Listed | None:
        """Return all of them, unless they are as they are known; raises as ``page``.

        Args:
            known: The revision of what is known.
            wait_s: So long the answer waits for a change.
        """
        asked = ListCollections(known=known, wait_s=wait_s, is_busy=self.is_busy)
        page = await ask(self.client, COLLECTIONS_LIST, asked, wait_s=wait_s + ANSWER_S)
        if page.is_unchanged:
            return None
        # What changes between two pages makes another revision: the next question brings it.
        revision, found = page.revision, [*page.items]
        while page.next_after is not None:
            page = await self.page(after=page.next_after)
            found += page.items
        return Listed(revision, found)

    async def find(self, name: str) -> CollectionRecord | None:
        """Return the one of a name, if there is one; raises as ``page``."""
        page = await ask(self.client, COLLECTIONS_LIST, ListCollections(name=name))
        return page.items[0] if page.items else None

    async def wake(self, name: str) -> CollectionRecord | None:
        """Have one worked on, and return it, if there is one; raises as ``page``."""
        woken = await ask(self.client, COLLECTIONS_WAKE, WakeCollection(name=name))
        return woken.record
