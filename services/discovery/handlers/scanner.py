"""Scans for sources, and has dispatched what is to be read."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog

from services.discovery.domain.sources import FolderUnreadable
from services.discovery.handlers.dispatch import Dispatcher
from services.discovery.handlers.epochs import Epochs
from services.discovery.handlers.ledger import LedgerKeeper
from services.discovery.handlers.scan import EVERYTHING, Found, ScanOptions, SourceToRead, scan
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.ports import Ledger, SourceRepository
from shared.bus.messages.outgoing import Steps, outgoing_batch
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.sources import SourceGone, SourceReturned
from shared.waits import WAITS

FOLDERS = "reading folders"
Publish = Callable[[Steps], Awaitable[None]]
log = structlog.get_logger(__name__)


class SourceScanner:
    """Scans for sources; several may be in hand at once, each with steps of its own."""

    def __init__(
        self,
        *,
        repository: SourceRepository,
        store: Ledger,
        events: LedgerKeeper,
        clock: Clock,
        changed: asyncio.Event,
        options: ScanOptions = EVERYTHING,
    ) -> None:
        """Take what it needs.

        Args:
            repository: Where sources come from.
            store: The ledger.
            events: Tells the outside what became of them.
            clock: Dates what is found.
            changed: Set whenever the figures may be others.
            options: How each scan is made; the first one is deep if these are.
        """
        self._options = options
        self._repository = repository
        self._store = store
        self._events = events
        self._clock = clock
        self._changed = changed
        self._unreadable: dict[str, FolderUnreadable] = {}
        self._met: dict[str, FolderUnreadable] = {}
        """Those of the scan that is going on."""
        self.locks = SourceLocks(events.postponed)
        """Which source it has in hand; whoever wants that has the reading stopped."""
        self.has_looked = False
        """Whether it has scanned everything once."""
        self.epochs = Epochs(clock)
        """In which epoch each source is sent."""
        self._dispatcher = Dispatcher(
            repository=repository,
            store=store,
            events=events,
            locks=self.locks,
            epochs=self.epochs,
            clock=clock,
            changed=changed,
        )

    def passed_over(self, collection: str) -> list[FolderUnreadable]:
        """List what of a collection could not be looked at."""
        return [one for one in self._unreadable.values() if one.collection == collection]

    async def scan(self, changed: frozenset[str] | None, publish: Publish) -> None:
        """Scan once; let one scan end before the next.

        Args:
            changed: Only the paths that changed; None: everything.
            publish: Takes the steps of each source, of several at once.

        Raises:
            ConfigurationError: Two roots of a collection have a file of the same name.
            TransientError: The ledger could not be read or written, or as ``publish`` raises.
        """

        async def take(found: Found) -> None:
            self._changed.set()
            if isinstance(found, FolderUnreadable):
                self._pass_over(found)
            else:
                await publish(self._steps(found))

        self._met = {}
        await scan(
            self._repository,
            self._store,
            self._clock,
            take=take,
            options=replace(self._options, changed=changed, is_first=not self.has_looked),
            locks=self.locks,
        )
        if changed is None:
            self._options = replace(self._options, is_deep=False)
            for path in self._unreadable.keys() - self._met.keys():
                WAITS.over((FOLDERS, path))
            self._unreadable = self._met
            self.has_looked = True
        self._changed.set()

    def _pass_over(self, found: FolderUnreadable) -> None:
        log.warning("folder.unreadable", path=found.path, reason=found.reason)
        self._met[found.path] = self._unreadable[found.path] = found
        WAITS.failed(FOLDERS, f"{found.path}: {found.reason}", key=(FOLDERS, found.path))

    def _steps(self, found: Found) -> Steps:
        if isinstance(found, SourceToRead):
            return self._dispatcher.dispatch(found)
        if isinstance(found, Batch) and found.descriptor.is_forgotten:
            return forget_gone(found)
        assert not isinstance(found, FolderUnreadable), "nothing is told of it"  # noqa: S101
        if isinstance(found, SourceGone | SourceReturned):
            log.info(found.family, file=found.filename)
        return self._events.announce([found])


async def forget_gone(batch: Batch) -> Steps:
    """Take a source that is gone off the map."""
    log.info("source.forgetting", file=batch.descriptor.filename, reason="gone")
    yield [outgoing_batch(DISCOVERY_BATCH, batch)]
