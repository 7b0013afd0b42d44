"""What is needed to begin to work on collections, and to let them rest."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from shared.contracts.collections import CollectionRecord


class RestStore(Protocol):
    """What the ledger knows of collections that rest. Each method is one transaction."""

    async def find_collection(self, name: str) -> CollectionRecord | None:
        """Return the record of a name; none if there is none.

        Raises:
            TransientError: The record could not be read.
        """
        ...

    async def resting_collections(self) -> set[str]:
        """Name those that rest: nothing of them is on its way, and the bus has no consumers.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def wake_collection(self, name: str) -> None:
        """Note that the bus may have consumers of a collection from now on.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def rest_collection(self, name: str) -> None:
        """Note that the bus has no consumers of a collection any more.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def is_settled(self, name: str) -> bool:
        """Tell whether nothing of a collection is on its way, or has to be sent.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Left:
    """What the bus has of a collection."""

    messages: int
    """In its streams, or not acknowledged."""
    readers: frozenset[str]
    """The services that ask for more."""
    places: tuple[int, ...]
    """How many messages each consumer has handed out since it was made."""


class Consumers(Protocol):
    """The durable consumers of single collections."""

    async def make(self, collections: Iterable[str]) -> None:
        """Make what is missing of those of these collections.

        Raises:
            ConfigurationError: The bus will not have them.
            TransientError: The bus did not answer.
        """
        ...

    async def remove(self, collection: str) -> None:
        """Remove those that there are of a collection.

        Raises:
            TransientError: The bus did not answer.
        """
        ...

    async def left(self, collection: str) -> Left:
        """Tell what the bus has of a collection.

        Raises:
            TransientError: The bus did not answer.
        """
        ...


class Begun(Protocol):
    """Work that has begun."""

    @property
    def is_ready(self) -> asyncio.Event:
        """Set when all is open that it needs."""
        ...


class Work(Protocol):
    """What discovery itself does for a collection that is busy."""

    def take_up(self, collection: str) -> Begun:
        """Begin, unless that was done."""
        ...

    async def leave(self, collection: str) -> None:
        """Finish what is in hand, and end."""
        ...
