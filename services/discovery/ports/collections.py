"""What is kept of the collections."""

from collections.abc import Callable, Sequence
from typing import Protocol

from shared.contracts.collections import CollectionRecord, SourceFolder
from shared.errors import MapstreamError


class FolderRefusedError(MapstreamError):
    """A folder may not be read for a collection; says why."""


class NamedFolders(Protocol):
    """The folders that commands name for a collection."""

    async def admit(
        self, collection: str, sources: Sequence[SourceFolder]
    ) -> tuple[SourceFolder, ...]:
        """Return them as they are to be kept, without links.

        Raises:
            FolderRefusedError: One of them may not be read.
        """
        ...

    def add(self, record: CollectionRecord) -> None:
        """Have those of a record read from now on."""
        ...

    def remove(self, collection: str) -> None:
        """Have nothing of a collection read any more, of which nothing is in hand."""
        ...


class CollectionStore(Protocol):
    """The record of every collection. Every method that waits may raise ``TransientError``."""

    def tell_changes_to(self, tell: Callable[[], None]) -> None:
        """Have somebody called whenever another list of records may be read, from then on."""
        ...

    async def add_collections(self, records: Sequence[CollectionRecord]) -> None:
        """Keep those whose names are not known yet; of a known name, all stays as it is.

        Raises:
            TransientError: The record could not be written.
        """
        ...

    async def create_collection(
        self, record: CollectionRecord, command: str
    ) -> CollectionRecord | None:
        """Keep a record that a command asks for, unless there is one of its name.

        It rests: nothing of it is on its way. It counts as told: it is the answer to the command,
        which comes again until that is published.

        Args:
            record: What is to be kept.
            command: The key of the command.

        Returns:
            The record that this command made, now or before; none if another one has its name.

        Raises:
            TransientError: The record could not be written.
        """
        ...

    async def withdraw_collection(self, collection_id: str) -> None:
        """Remove the record of a collection that was not made after all.

        Raises:
            TransientError: The record could not be removed.
        """
        ...

    async def find_collection(self, name: str) -> CollectionRecord | None:
        """Return the record of a name; none if there is none, or it is deleted.

        Raises:
            TransientError: The record could not be read.
        """
        ...

    async def list_collections(self, after: str, most: int) -> list[CollectionRecord]:
        """Return so many of those whose names come after this one, in the order of their names.

        Those that are deleted are none.

        Raises:
            TransientError: The records could not be read.
        """
        ...

    async def rename_collection(
        self,
        name: str,
        title: str | None,
        description: str | None,
        is_analyzed: bool | None = None,  # noqa: FBT001  as the others, given or not
    ) -> CollectionRecord | None:
        """Change what is given, and return the record as it is now; none if there is none.

        What is so already makes no new revision. A new one counts as told: it is the answer to a
        command, which comes again until that is published.

        Raises:
            TransientError: The record could not be written.
        """
        ...

    async def untold_collections(self) -> list[CollectionRecord]:
        """Return those of whose last change the outside was not told.

        Raises:
            TransientError: The records could not be read.
        """
        ...

    async def mark_collection_told(self, collection_id: str, revision: int) -> None:
        """Note that the outside was told of a collection as it was at a revision.

        Raises:
            TransientError: The record could not be written.
        """
        ...
