"""Makes collections while the system runs: recorded, then looked at and told. They rest."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

from services.discovery.handlers.collections import Collections
from services.discovery.handlers.forget import Rejected
from services.discovery.ports import (
    DeletionStore,
    FolderRefusedError,
    NamedFolders,
)
from shared.clock import Clock
from shared.contracts.collections import CollectionRecord, SourceFolder
from shared.contracts.commands import Create
from shared.failpoints import Failpoint, reached

Begin = Callable[[CollectionRecord], Awaitable[None]]


class Creation:
    """Makes the collections that commands ask for."""

    def __init__(
        self,
        records: Collections,
        store: DeletionStore,
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
            begin: Has the folders of a collection looked at, unless that was done.
        """
        self.records = records
        self._store = store
        self._folders = folders
        self._clock = clock
        self._begin = begin

    async def create(self, name: str, wish: Create, command: str) -> CollectionRecord | Rejected:
        """Make a collection; a command that comes again goes on with what it began.

        Raises:
            TransientError: The record could not be read or written.
        """
        record = await self._record(name, wish, command)
        if isinstance(record, Rejected):
            return record
        reached(Failpoint.RECORDED)
        await self._begin(record)
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
        if made is not None and made.state == "active":
            return made
        return await self._refusal(name)

    async def _refusal(self, name: str) -> Rejected:
        known = await self._store.find_collection(name)
        if known is not None and known.state == "active":
            return Rejected(f"there is a collection '{name}' already; choose another name")
        what = "is being deleted" if known else "was deleted"
        return Rejected(
            f"a collection '{name}' {what}, and its name is never used again; choose another name"
        )
