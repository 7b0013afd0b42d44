"""Keeps the records of the collections, and tells of them."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from uuid import uuid4

from services.discovery.domain.ledger import CommandRef
from services.discovery.handlers.busy import BusyCollections
from services.discovery.handlers.revisions import Revision
from services.discovery.ports import DeletionStore
from shared.bus.messages.outgoing import Outgoing, Steps, outgoing_event
from shared.bus.registry.collections import COLLECTION_CHANGED
from shared.clock import Clock
from shared.contracts.collections import (
    MOST_COLLECTIONS,
    CollectionChanged,
    CollectionPage,
    CollectionRecord,
    ListCollections,
    WakeCollection,
    WokenCollection,
)
from shared.contracts.commands import Rename
from shared.errors import ConfigurationError

PAGE_BYTES = 5 << 20
"""The bus takes messages of seven MiB."""


class Collections:
    """The collections that there are."""

    def __init__(
        self, store: DeletionStore, clock: Clock, busy: BusyCollections | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._busy = busy
        self._revision = Revision()
        store.tell_changes_to(self._revision.change)

    async def record(self, names: Sequence[str]) -> None:
        """Keep a record of each collection of the configuration; a known name keeps its own.

        Raises:
            ConfigurationError: One of them was deleted.
            TransientError: The records could not be written.
        """
        now = self._clock.now()
        await self._store.add_collections(
            [
                CollectionRecord(id=uuid4().hex, name=name, title=name, revision=1, created_at=now)
                for name in names
            ]
        )
        for name in names:
            known = await self._store.find_collection(name)
            if known is None or known.state != "active":
                raise ConfigurationError(
                    f"collections: '{name}' {'is being' if known else 'was'} deleted, and its "
                    "name is never used again; take it out (and its folders out of "
                    "ingestion.sources), or give them another name"
                )

    async def resume(self) -> Steps:
        """Tell of every change of which the outside was not told yet.

        Raises:
            TransientError: The records could not be read or written.
        """
        for record in await self._store.untold_collections():
            async for messages in self.tell(record):
                yield messages

    async def tell(self, record: CollectionRecord) -> Steps:
        """Tell of a change; who wanted a collection deleted is answered when it is.

        Raises:
            TransientError: The records could not be read or written.
        """
        event_id, causes = CollectionChanged.id_of(record.id, record.revision), ()
        if record.state == "deleted":
            refs = await self._store.deletion_commands(record.id)
            causes = tuple(one.correlation_id for one in refs if one.correlation_id)
        yield [self._changed(record, event_id, *causes)]
        await self._store.mark_collection_told(record.id, record.revision)

    async def served(self, configured: Sequence[str]) -> list[CollectionRecord]:
        """List those that are worked on: of the configuration, and made by command.

        One that is being deleted is none of them.

        Raises:
            TransientError: The records could not be read.
        """
        found: list[CollectionRecord] = []
        after = ""
        while some := await self._store.list_collections(after, MOST_COLLECTIONS):
            there = (one for one in some if one.state == "active")
            found += (one for one in there if one.origin == "command" or one.name in configured)
            after = some[-1].name
        return found

    async def is_served(self, name: str, configured: Collection[str]) -> bool:
        """Tell whether there is a collection of this name that is worked on when there is work.

        Raises:
            TransientError: The record could not be read.
        """
        found = await self._store.find_collection(name)
        if found is None or found.state != "active":
            return False
        return found.origin == "command" or name in configured

    async def rename(self, name: str, wish: Rename) -> CollectionRecord | None:
        """Change what is kept of a collection; none if there is none of this name.

        Raises:
            TransientError: The record could not be written.
        """
        return await self._store.rename_collection(
            name, wish.title, wish.description, wish.is_analyzed
        )

    def answer(self, record: CollectionRecord, ref: CommandRef) -> Outgoing:
        """Tell who gave a command what the collection is now; a second delivery tells the same.

        Another command may have made the same of it: each has an answer of its own.
        """
        digest = hashlib.sha256(ref.key.encode("utf-8", "backslashreplace")).hexdigest()
        event_id = CollectionChanged.id_of(record.id, record.revision, digest[:32])
        return self._changed(record, event_id, ref.correlation_id)

    def _changed(self, record: CollectionRecord, event_id: str, *causes: str | None) -> Outgoing:
        event = CollectionChanged(
            id=event_id,
            collection=record.name,
            occurred_at=self._clock.now(),
            correlation_id=causes[0] if causes else None,
            also_answers=tuple(filter(None, causes[1:])),
            record=record,
        )
        return outgoing_event(COLLECTION_CHANGED, event)

    def close(self) -> None:
        """Answer those who wait: a process that ends waits for nobody."""
        self._revision.close()
        if self._busy is not None:
            self._busy.revision.close()

    async def page(self, asked: ListCollections) -> CollectionPage:
        """Answer which collections there are, or that they are as they are known.

        Who waits for a change is answered when there is one.

        Raises:
            TransientError: The records could not be read.
        """
        if asked.name is not None:
            found = await self._store.find_collection(asked.name)
            return CollectionPage(items=(found,) if found else ())
        if asked.is_busy and self._busy is not None:
            return await self._busy_page(self._busy, asked)
        if asked.known and await self._revision.is_still(asked.known, asked.wait_s):
            return CollectionPage(items=(), revision=asked.known, is_unchanged=True)
        revision = str(self._revision)  # what changes while it is read makes another one
        items = await self._store.list_collections(asked.after, asked.limit + 1)
        page = list(_fitting(items[: asked.limit]))
        after = page[-1].name if len(items) > len(page) else None
        return CollectionPage(items=tuple(page), next_after=after, revision=revision)

    async def _busy_page(self, busy: BusyCollections, asked: ListCollections) -> CollectionPage:
        if asked.known and await busy.revision.is_still(asked.known, asked.wait_s):
            return CollectionPage(items=(), revision=asked.known, is_unchanged=True)
        items = tuple(_bare(one) for one in busy.listed)
        return CollectionPage(items=items, revision=str(busy.revision))

    async def wake(self, asked: WakeCollection) -> WokenCollection:
        """Have a collection worked on, and answer when that has begun.

        Raises:
            TransientError: It cannot be now, or the record could not be read.
        """
        record = await self._store.find_collection(asked.name)
        if record is None or record.state != "active" or self._busy is None:
            return WokenCollection()
        async with self._busy.using(asked.name):
            return WokenCollection(record=record)


def _bare(record: CollectionRecord) -> CollectionRecord:
    """Leave out what those who work on it need not know, so that all fit into one message."""
    return record.model_copy(update={"description": "", "sources": ()})


def _fitting(items: Iterable[CollectionRecord]) -> Iterator[CollectionRecord]:
    """Give as many as one message holds; a single one is much smaller."""
    size = 0
    for one in items:
        size += len(one.model_dump_json().encode())
        if size > PAGE_BYTES:
            return
        yield one
