"""Asks discovery which collections there are."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.bus.asking import ask
from shared.bus.connection import BUS_ERRORS
from shared.bus.registry.channel import split_subject
from shared.bus.registry.collections import COLLECTION_CHANGED
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


@asynccontextmanager
async def changes_heard(client: Client, tell: Callable[[str], None]) -> AsyncIterator[None]:
    """Tell the name of each collection of which discovery tells something, as it does.

    What it tells while the bus is away is missed.
    """

    async def note(message: Msg) -> None:
        tell(split_subject(message.subject)[1])

    subscription = await client.subscribe(COLLECTION_CHANGED.every_subject, cb=note)
    try:
        yield
    finally:
        with suppress(*BUS_ERRORS):
            await subscription.unsubscribe()
