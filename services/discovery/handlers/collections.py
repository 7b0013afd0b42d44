"""Keeps the records of the collections, and tells of them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from uuid import uuid4

from services.discovery.domain.ledger import CommandRef
from services.discovery.ports import CollectionStore
from shared.bus.messages.outgoing import Outgoing, Steps, outgoing_event
from shared.bus.registry.collections import COLLECTION_CHANGED
from shared.clock import Clock
from shared.contracts.collections import (
    MOST_COLLECTIONS,
    CollectionChanged,
    CollectionPage,
    CollectionRecord,
    ListCollections,
)
from shared.contracts.commands import Rename

PAGE_BYTES = 5 << 20
"""The bus takes messages of seven MiB."""


class Collections:
    """The collections that there are."""

    def __init__(self, store: CollectionStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def record(self, names: Iterable[str]) -> None:
        """Keep a record of each collection of the configuration; a known name keeps its own.

        Raises:
            TransientError: The records could not be written.
        """
        now = self._clock.now()
        await self._store.add_collections(
            [
                CollectionRecord(id=uuid4().hex, name=name, title=name, revision=1, created_at=now)
                for name in names
            ]
        )

    async def resume(self) -> Steps:
        """Tell of every change of which the outside was not told yet.

        Raises:
            TransientError: The records could not be read or written.
        """
        for record in await self._store.untold_collections():
            yield [self._changed(record, CollectionChanged.id_of(record.id, record.revision))]
            await self._store.mark_collection_told(record.id, record.revision)

    async def served(self, configured: Sequence[str]) -> list[CollectionRecord]:
        """List those that are worked on: of the configuration, and made by command.

        Raises:
            TransientError: The records could not be read.
        """
        found: list[CollectionRecord] = []
        after = ""
        while some := await self._store.list_collections(after, MOST_COLLECTIONS):
            found += (one for one in some if one.origin == "command" or one.name in configured)
            after = some[-1].name
        return found

    async def rename(self, name: str, wish: Rename) -> CollectionRecord | None:
        """Give a collection another title or description; none if there is none of this name.

        Raises:
            TransientError: The record could not be written.
        """
        return await self._store.rename_collection(name, wish.title, wish.description)

    def answer(self, record: CollectionRecord, ref: CommandRef) -> Outgoing:
        """Tell who gave a command what the collection is now; a second delivery tells the same.

        Another command may have made the same of it: each has an answer of its own.
        """
        digest = hashlib.sha256(ref.key.encode("utf-8", "backslashreplace")).hexdigest()
        event_id = CollectionChanged.id_of(record.id, record.revision, digest[:32])
        return self._changed(record, event_id, ref.correlation_id)

    def _changed(
        self, record: CollectionRecord, event_id: str, correlation_id: str | None = None
    ) -> Outgoing:
        event = CollectionChanged(
            id=event_id,
            collection=record.name,
            occurred_at=self._clock.now(),
            correlation_id=correlation_id,
            record=record,
        )
        return outgoing_event(COLLECTION_CHANGED, event)

    async def page(self, asked: ListCollections) -> CollectionPage:
        """Answer which collections there are.

        Raises:
            TransientError: The records could not be read.
        """
        if asked.name is not None:
            found = await self._store.find_collection(asked.name)
            return CollectionPage(items=(found,) if found else ())
        items = await self._store.list_collections(asked.after, asked.limit + 1)
        page = list(_fitting(items[: asked.limit]))
        more = len(items) > len(page)
        return CollectionPage(items=tuple(page), next_after=page[-1].name if more else None)


def _fitting(items: Iterable[CollectionRecord]) -> Iterator[CollectionRecord]:
    """Give as many as one message holds; a single one is much smaller."""
    size = 0
    for one in items:
        size += len(one.model_dump_json().encode())
        if size > PAGE_BYTES:
            return
        yield one
