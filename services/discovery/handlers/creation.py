"""Makes collections while the system runs: recorded first, then declared, worked on and told."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

from services.discovery.handlers.collections import Collections
from services.discovery.handlers.forget import Rejected
from services.discovery.ports import CollectionStore, FolderRefusedError, NamedFolders
from shared.clock import Clock
from shared.contracts.collections import CollectionRecord, SourceFolder
from shared.contracts.commands import Create
from shared.errors import ConfigurationError
from shared.failpoints import Failpoint, reached

Begin = Callable[[CollectionRecord], Awaitable[None]]


class Creation:
    """Makes the collections that commands ask for."""

    def __init__(
        self,
        records: Collections,
        store: CollectionStore,
        folders: NamedFolders,
        clock: Clock,
        begin: Begin,
    ) -> None:
        """Take what it needs.

        Args:
            records: Tells of them.
            store: Keeps their records.
            folders: Says which folders may be read.
            clock: Dates what is made.
            begin: Declares the consumers of a collection and begins to work on it, unless that
                was done; raises ConfigurationError if the bus will not have one more.
        """
        self.records = records
        self.made: set[str] = set()
        """Names of those that were made since the start: served, or about to be."""
        self._store = store
        self._folders = folders
        self._clock = clock
        self._begin = begin

    async def create(self, name: str, wish: Create, command: str) -> CollectionRecord | Rejected:
        """Make a collection; a command that comes again goes on with what it began.

        Raises:
            TransientError: The record could not be read or written, or the bus did not answer.
        """
        record = await self._record(name, wish, command)
        if isinstance(record, Rejected):
            return record
        reached(Failpoint.RECORDED)
        try:
            await self._begin(record)
        except ConfigurationError as error:
            # Nobody was told of it, and nothing was sent for it.
            await self._store.withdraw_collection(record.id)
            return Rejected(f"the bus takes no further collection: {error}")
        reached(Failpoint.DECLARED)
        self.made.add(name)
        return record

    async def _record(self, name: str, wish: Create, command: str) -> CollectionRecord | Rejected:
        sources: tuple[SourceFolder, ...] = ()
        if wish.sources and await self._store.find_collection(name) is None:
            try:
                sources = await self._folders.admit(name, wish.sources)
            except FolderRefusedError as error:
                return Rejected(str(error))
        record = CollectionRecord(
            id=uuid4().hex,
            name=name,
            title=wish.title or name,
            description=wish.description,
            origin="command",
            revision=1,
            created_at=self._clock.now(),
            sources=sources,
        )
        made = await self._store.create_collection(record, command)
        return made or Rejected(f"there is a collection '{name}' already; choose another name")
