"""Scans for sources, and has dispatched what is to be read."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from services.discovery.domain.sources import FolderUnreadable, SourceStat
from services.discovery.handlers.dispatch import Dispatcher
from services.discovery.handlers.epochs import Epochs
from services.discovery.handlers.found import Found, SourceMoved, SourceToRead
from services.discovery.handlers.ledger import LedgerKeeper
from services.discovery.handlers.listing import EVERYTHING, ScanOptions
from services.discovery.handlers.moves import Mover
from services.discovery.handlers.scan import scan
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.handlers.turns import Ready, Room, always_ready
from services.discovery.ports import Ledger, SourceRepository
from shared.bus.messages.outgoing import Steps, outgoing_batch
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.sources import SourceGone, SourceReturned
from shared.waits import WAITS

FOLDERS = "reading folders"
LATE = 24
"""By this part of the time after which contents are compared, that may be later."""
Publish = Callable[[Steps], Awaitable[None]]
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Looks:
    """What is known of the looks at one collection."""

    is_deep: bool
    """Whether the next one compares all contents."""
    is_first: bool = True
    """Whether two files of one name are a mistake that ends the process, as at its start."""
    has_looked: bool = False
    """Whether everything was looked at once."""
    unreadable: dict[str, FolderUnreadable] = field(default_factory=dict)
    """What could not be looked at, by its path."""
    met: dict[str, FolderUnreadable] = field(default_factory=dict)
    """Those of the look that is going on."""
    seen: bytes = b""
    """What a glance said before a look that found everything as it was."""
    seen_until: datetime | None = None
    """So long that need not be looked at more closely; None: for as long as it is the same."""

    def options(self, general: ScanOptions) -> ScanOptions:
        """Say how the next one is made."""
        return replace(general, is_first=self.is_first, is_deep=self.is_deep)

    def end(self) -> None:
        """Note that everything was looked at, and what could not be."""
        self.is_deep = self.is_first = False
        for path in self.unreadable.keys() - self.met.keys():
            WAITS.over((FOLDERS, path))
        self.unreadable, self.has_looked = self.met, True


class SourceScanner:
    """Scans for sources, each collection by itself; several may be in hand at once."""

    def __init__(
        self,
        *,
        repository: SourceRepository,
        store: Ledger,
        events: LedgerKeeper,
        room: Room,
        clock: Clock,
        options: ScanOptions = EVERYTHING,
    ) -> None:
        """Take what it needs.

        Args:
            repository: Where sources come from.
            store: The ledger.
            events: Tells the outside what became of them.
            room: How many batches of each collection may be sent.
            clock: Dates what is found.
            options: How each scan is made; the first one of a collection is deep if these are.
        """
        self._options = options
        self._repository = repository
        self._store = store
        self._events = events
        self._room = room
        self._clock = clock
        self._changed = events.changed
        self._looks: dict[str, Looks] = {}
        self.locks = SourceLocks(events.postponed)
        """Which source it has in hand; whoever wants that has the reading stopped."""
        self.epochs = Epochs(clock)
        """In which epoch each source is sent."""
        self._mover = Mover(store=store, locks=self.locks, epochs=self.epochs, clock=clock)
        self._dispatcher = Dispatcher(
            repository=repository,
            store=store,
            events=events,
            locks=self.locks,
            shares=options.shares,
            room=room,
            epochs=self.epochs,
            clock=clock,
            changed=self._changed,
        )

    def has_looked(self, collection: str) -> bool:
        """Tell whether it has scanned everything of a collection once."""
        return self._of(collection).has_looked

    def passed_over(self, collection: str) -> list[FolderUnreadable]:
        """List what of a collection could not be looked at."""
        return list(self._of(collection).unreadable.values())

    async def at(self, paths: frozenset[str]) -> set[str]:
        """Name the collections of which something may be at these paths."""
        return await self._repository.collections_at(paths)

    async def differing(self, collections: Sequence[str]) -> Mapping[str, bytes]:
        """Glance at collections; returns what it says of those that are to be looked at."""
        told, now = await self._repository.glance(collections), self._clock.now()
        return {name: seen for name, seen in told.items() if not self._is_known(name, seen, now)}

    def disturb(self, collection: str) -> None:
        """Note that something is done for a collection, whatever its files are."""
        self._of(collection).seen = b""

    async def path_of(self, collection: str, source_id: str, path: str) -> str | None:
        """Return where the file of a source lies, if it is there.

        Args:
            collection: Of which it is.
            source_id: The source.
            path: Where the ledger had it; a name that is no text is spelt otherwise there.
        """
        for changed in (frozenset((path,)), None):
            listing = self._repository.list_sources(changed, collection=collection)
            async with aclosing(listing) as found:
                async for one in found:
                    if isinstance(one, SourceStat) and one.source_id == source_id:
                        return one.path
        return None

    def begin_late(self, collection: str) -> None:
        """Begin with a collection that was made while others are scanned."""
        self._of(collection).is_first = False

    def leave(self, collection: str) -> None:
        """Forget a collection that is not scanned any more."""
        if looks := self._looks.pop(collection, None):
            for path in looks.unreadable:
                WAITS.over((FOLDERS, path))
        self._room.leave(collection)

    async def scan(
        self,
        collection: str,
        changed: frozenset[str] | None,
        publish: Publish,
        ready: Ready = always_ready,
        seen: bytes = b"",
    ) -> None:
        """Scan a collection once; let one scan of it end before the next.

        Args:
            collection: Whose sources.
            changed: Only the paths that changed; None: everything.
            publish: Takes the steps of each source.
            ready: Awaited before one is opened.
            seen: What a glance has said of it before, if there was one.

        Raises:
            ConfigurationError: Two roots of a collection have a file of the same name.
            TransientError: The ledger could not be read or written, or as ``publish`` raises.
        """
        looks = self._of(collection)

        async def take(found: Found) -> None:
            self._changed.set()
            if isinstance(found, FolderUnreadable):
                _pass_over(found, looks)
            else:
                await publish(self._steps(found))

        looks.met, looks.seen = {}, b""
        options = replace(
            looks.options(self._options), collection=collection, changed=changed, ready=ready
        )
        is_as_it_was = await scan(
            self._repository,
            self._store,
            self._clock,
            take=take,
            options=options,
            locks=self.locks,
        )
        if changed is None:
            looks.end()
        if is_as_it_was:
            looks.seen, looks.seen_until = seen, self._until()
        self._changed.set()

    def _is_known(self, collection: str, seen: bytes, now: datetime) -> bool:
        looks = self._of(collection)
        return looks.seen == seen and (looks.seen_until is None or now < looks.seen_until)

    def _until(self) -> datetime | None:
        recheck_after = self._options.recheck_after
        return None if recheck_after is None else self._clock.now() + recheck_after / LATE

    def _of(self, collection: str) -> Looks:
        return self._looks.setdefault(collection, Looks(self._options.is_deep))

    def _steps(self, found: Found) -> Steps:
        if isinstance(found, SourceToRead):
            return self._dispatcher.dispatch(found)
        if isinstance(found, SourceMoved):
            return self._mover.move(found)
        if isinstance(found, Batch) and found.descriptor.is_forgotten:
            return forget_gone(found)
        assert not isinstance(found, FolderUnreadable), "nothing is told of it"  # noqa: S101
        if isinstance(found, SourceGone | SourceReturned):
            log.info(found.family, file=found.filename)
        return self._events.announce([found])


def _pass_over(found: FolderUnreadable, looks: Looks) -> None:
    log.warning("folder.unreadable", path=found.path, reason=found.reason)
    looks.met[found.path] = looks.unreadable[found.path] = found
    WAITS.failed(FOLDERS, f"{found.path}: {found.reason}", key=(FOLDERS, found.path))


async def forget_gone(batch: Batch) -> Steps:
    """Take a source that is gone off the map."""
    log.info("source.forgetting", file=batch.descriptor.filename, reason="gone")
    yield [outgoing_batch(DISCOVERY_BATCH, batch)]
