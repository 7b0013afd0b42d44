"""What deleting a collection needs from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.discovery.domain.ledger import CommandRef
from services.discovery.ports.collections import CollectionStore
from shared.contracts.collections import CollectionRecord


class DeletionStore(CollectionStore, Protocol):
    """The records of collections, those that are deleted too. Each method is one transaction."""

    async def begin_deletion(self, name: str, ref: CommandRef) -> CollectionRecord | None:
        """Note that a command wants a collection deleted; from the first on it is ``deleting``.

        Returns:
            Its record as it is now, which the outside is to be told of; none if there is none of
            this name, or it was deleted before this command.

        Raises:
            TransientError: The record could not be written.
        """
        ...

    async def deleting_collections(self) -> list[CollectionRecord]:
        """Return those whose deletion has begun and not ended, by name.

        Raises:
            TransientError: The records could not be read.
        """
        ...

    async def deleted_at(self, name: str) -> datetime | None:
        """Tell when the collection of a name was deleted; none if none of that name was.

        Raises:
            TransientError: The record could not be read.
        """
        ...

    async def deleted_since(self, time: datetime) -> list[str]:
        """Name those that were deleted since a time.

        Raises:
            TransientError: The records could not be read.
        """
        ...

    async def deletion_commands(self, collection_id: str) -> Sequence[CommandRef]:
        """Return the commands that want a collection deleted and are not answered yet.

        Raises:
            TransientError: The record could not be read.
        """
        ...

    async def remove_rows(self, collection: str, most: int) -> bool:
        """Remove so many rows at most that the ledger has of a collection, but its record.

        Returns:
            Whether there are more.

        Raises:
            TransientError: They could not be removed.
        """
        ...

    async def bury_collection(self, collection_id: str, now: datetime) -> None:
        """Make of a record that is ``deleting`` one that keeps the name, the id, and no more.

        Raises:
            TransientError: The record could not be written.
        """
        ...


class Remains(Protocol):
    """What others have of a collection. Every method may be called again, after a kill too."""

    async def leave_stages(self, record: CollectionRecord) -> None:
        """Have every process of the other stages leave it and remove what it keeps of it.

        Raises:
            TransientError: One did not answer that it has; says which, and why.
        """
        ...

    async def remove_consumers(self, collection: str) -> None:
        """Delete its durable consumers.

        Raises:
            TransientError: The bus did not answer.
        """
        ...

    async def purge(self, collection: str, *, is_ended: bool = False) -> None:
        """Take its messages out of every stream.

        Args:
            collection: Its name.
            is_ended: Whether it was deleted before: then what was told of that stays.

        Raises:
            TransientError: The bus did not answer.
        """
        ...
