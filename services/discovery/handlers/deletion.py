"""Deletes collections: left by every stage first, then taken out of bus and ledger, then told."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

import structlog

from services.discovery.domain.ledger import CommandRef
from services.discovery.handlers.collections import Collections
from services.discovery.handlers.forget import Rejected
from services.discovery.ports import DeletionStore, Remains
from shared.bus.messages.outgoing import Steps
from shared.clock import Clock
from shared.contracts.collections import CollectionRecord
from shared.failpoints import Failpoint, reached

Leave = Callable[[str], Awaitable[None]]
ROWS_AT_ONCE = 2000
"""In one transaction: the ledgers of all others wait for it."""
LATE = timedelta(hours=1)
"""So long after its end, what somebody says of a collection who was not heard is taken away."""
log = structlog.get_logger(__name__)


class Deletion:
    """Deletes the collections that commands want deleted."""

    def __init__(
        self,
        records: Collections,
        store: DeletionStore,
        remains: Remains,
        clock: Clock,
        *,
        configured: Collection[str],
        leave: Leave,
    ) -> None:
        """Take what it needs.

        Args:
            records: Tells of them.
            store: Keeps how far it is.
            remains: What others have of them.
            clock: Dates their ends.
            configured: Those that the configuration names.
            leave: Ends all work of discovery on a collection, and the reading of its folders;
                removes the files that were uploaded to it.
        """
        self._records = records
        self._store = store
        self._remains = remains
        self._clock = clock
        self._configured = configured
        self._leave = leave
        self.wanted = asyncio.Event()
        """Set when there is one more."""

    async def want(self, name: str, ref: CommandRef) -> CollectionRecord | Rejected:
        """Note that a collection is to be deleted; it is a matter of time from then on.

        Raises:
            TransientError: The record could not be written.
        """
        if name in self._configured:
            return Rejected(
                f"the configuration names '{name}': take it out of 'collections' (and its folders "
                "out of ingestion.sources) in config.yaml or MAPSTREAM_COLLECTIONS of every "
                "service, start them again, and delete it then"
            )
        record = await self._store.begin_deletion(name, ref)
        if record is not None:
            self.wanted.set()
            return record
        if ended := await self._store.deleted_at(name):
            return Rejected(f"the collection '{name}' was deleted at {ended.isoformat()}")
        return Rejected(f"there is no collection '{name}'; see: mapstream collections list")

    async def carry_out(self, record: CollectionRecord) -> Steps:
        """Delete a collection; after a kill at any step, and after a failure, all of it again.

        Raises:
            TransientError: A stage did not answer that it has nothing of it any more, or the bus
                or the ledger did not answer; says which.
        """
        if record in await self._store.deleting_collections():
            async for messages in self._take_away(record):
                yield messages
        async for messages in self._records.resume():
            yield messages

    async def _take_away(self, record: CollectionRecord) -> Steps:
        reached(Failpoint.MARKED)
        async for messages in self._records.tell(record):
            yield messages
        await self._leave(record.name)
        # Who waits for room on the bus gets on, and can leave.
        await self._remains.purge(record.name)
        await self._remains.leave_stages(record)
        reached(Failpoint.ABANDONED)
        await self._remains.remove_consumers(record.name)
        reached(Failpoint.UNREAD)
        await self._remains.purge(record.name)
        reached(Failpoint.PURGED)
        has_more = True
        while has_more:
            has_more = await self._store.remove_rows(record.name, ROWS_AT_ONCE)
            reached(Failpoint.ROWS_REMOVED)
        reached(Failpoint.UNKNOWN)
        await self._remains.purge(record.name)
        await self._store.bury_collection(record.id, self._clock.now())
        reached(Failpoint.BURIED)
        log.info("collection.deleted", collection=record.name)

    async def take_late(self) -> None:
        """Take away what was said of a deleted collection by somebody who was not heard.

        Raises:
            TransientError: The bus or the ledger did not answer.
        """
        for name in await self._store.deleted_since(self._clock.now() - LATE):
            await self._remains.purge(name, is_ended=True)
