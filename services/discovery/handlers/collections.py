"""Keeps the records of the collections, and tells of them."""

from collections.abc import Iterable
from uuid import uuid4

from services.discovery.ports import CollectionStore
from shared.bus.messages.outgoing import Steps, outgoing_event
from shared.bus.registry.collections import COLLECTION_CHANGED
from shared.clock import Clock
from shared.contracts.collections import (
    CollectionChanged,
    CollectionPage,
    CollectionRecord,
    ListCollections,
)


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
            event = CollectionChanged(
                id=CollectionChanged.id_of(record.id, record.revision),
                collection=record.name,
                occurred_at=self._clock.now(),
                record=record,
            )
            yield [outgoing_event(COLLECTION_CHANGED, event)]
            await self._store.mark_collection_told(record.id, record.revision)

    async def page(self, asked: ListCollections) -> CollectionPage:
        """Answer which collections there are.

        Raises:
            TransientError: The records could not be read.
        """
        if asked.name is not None:
            found = await self._store.find_collection(asked.name)
            return CollectionPage(items=(found,) if found else ())
        items = await self._store.list_collections(asked.after, asked.limit + 1)
        more = len(items) > asked.limit
        items = items[: asked.limit]
        return CollectionPage(items=tuple(items), next_after=items[-1].name if more else None)
