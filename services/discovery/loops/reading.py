"""Looks for sources, and puts what it reads on the bus."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import structlog

from services.discovery.domain.sources import FolderUnreadable
from services.discovery.handlers import settle
from services.discovery.handlers.claims import Claims
from services.discovery.handlers.look import EVERYTHING, Found, Order, SourceToRead, look
from services.discovery.handlers.read import read_source
from services.discovery.ports import (
    Ledger,
    SourceChanged,
    SourceRepository,
    SourceUnreadable,
    Trigger,
)
from services.discovery.subscribers.ledger import LedgerShell
from shared.bus.messages.outgoing import outgoing_batch, outgoing_event
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.sources import SOURCE_DISCOVERED
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.sources import SourceGone, SourceReturned
from shared.errors import TransientError
from shared.failpoints import Failpoint, reached
from shared.observability import metrics, tracing
from shared.waits import WAITS

AFTER_FAILURE_S = 2.0
FOLDERS = "reading folders"
LETTERS = 256
LETTER_BYTES = 8 << 20
log = structlog.get_logger(__name__)


class LetterPile:
    """Letters that are going to be sent together: each alone waits for the bus and the disk."""

    def __init__(self) -> None:
        self._letters: list[DeadLetter] = []
        self._bytes = 0

    def is_full_with(self, letter: DeadLetter) -> bool:
        """Lay a letter on it, and tell whether it is time to take them."""
        self._letters.append(letter)
        self._bytes += len(letter.body)
        return len(self._letters) >= LETTERS or self._bytes >= LETTER_BYTES

    def take(self) -> list[DeadLetter]:
        """Take all of it."""
        taken, self._letters, self._bytes = self._letters, [], 0
        return taken


class Looker:
    """Looks for sources and puts what it reads on the bus, one look at a time."""

    def __init__(  # noqa: PLR0913  what it needs, and the rules
        self,
        *,
        repository: SourceRepository,
        store: Ledger,
        ledger: LedgerShell,
        publisher: Publisher,
        clock: Clock,
        changed: asyncio.Event,
        rules: Order = EVERYTHING,
    ) -> None:
        """Take what it needs.

        Args:
            repository: Where sources come from.
            store: The ledger.
            ledger: Tells the outside what became of them.
            publisher: Takes what is read.
            clock: Dates what is found.
            changed: Set whenever the figures may be others.
            rules: How each look is made; the first one is deep if these are.
        """
        self._rules = rules
        self._repository = repository
        self._store = store
        self._ledger = ledger
        self._publisher = publisher
        self._clock = clock
        self._changed = changed
        self._looking = asyncio.Lock()
        self._unreadable: dict[str, FolderUnreadable] = {}
        self._met: dict[str, FolderUnreadable] = {}
        """Those of the look that is going on."""
        self.claims = Claims()
        """Which source it has in hand; whoever claims that has the reading stopped."""
        self.has_looked = False
        """Whether it has looked at everything once."""

    def passed_over(self, collection: str) -> list[FolderUnreadable]:
        """List what of a collection could not be looked at."""
        return [one for one in self._unreadable.values() if one.collection == collection]

    async def run(self, trigger: Trigger) -> None:
        """Look whenever the trigger says so, until cancelled."""
        async with aclosing(trigger.signals()) as signals:
            async for changed in signals:
                await self.look(changed)

    async def look(self, changed: frozenset[str] | None) -> None:
        """Look once; what keeps it from looking is waited out."""
        async with self._looking:
            with WAITS.trying("looking for sources") as trial:
                while True:
                    try:
                        await self._look_once(changed)
                    except TransientError as error:
                        log.warning("look.failed", error=str(error))
                        trial.failed(error)
                        await asyncio.sleep(AFTER_FAILURE_S)
                    else:
                        break
            self.has_looked = self.has_looked or changed is None
            self._changed.set()

    async def _look_once(self, changed: frozenset[str] | None) -> None:
        self._met = {}
        await look(
            self._repository,
            self._store,
            self._clock,
            take=self._take,
            order=replace(self._rules, changed=changed, is_first=not self.has_looked),
            claims=self.claims,
        )
        if changed is None:
            self._rules = replace(self._rules, is_deep=False)
            for path in self._unreadable.keys() - self._met.keys():
                WAITS.over((FOLDERS, path))
            self._unreadable = self._met

    async def _take(self, found: Found) -> None:
        self._changed.set()
        if isinstance(found, SourceToRead):
            await self._read(found)
        elif isinstance(found, FolderUnreadable):
            log.warning("folder.unreadable", path=found.path, reason=found.reason)
            self._met[found.path] = self._unreadable[found.path] = found
            key = (FOLDERS, found.path)
            WAITS.failed(FOLDERS, f"{found.path}: {found.reason}", key=key)
        elif isinstance(found, Batch):
            log.info("source.forgetting", file=found.descriptor.filename, reason="gone")
            await self._publisher.publish(outgoing_batch(DISCOVERY_BATCH, found))
        else:
            if isinstance(found, SourceGone | SourceReturned):
                log.info(found.family, file=found.filename)
            await self._ledger.announce([found])

    async def _read(self, source: SourceToRead) -> None:
        await self._publisher.publish(outgoing_event(SOURCE_DISCOVERED, source.event))
        stat = source.stat
        try:
            if not await self._send_all(source):
                log.info("source.reading_stopped", file=stat.filename)
                return
        except SourceUnreadable as error:
            failed = await settle.source_failed(stat, str(error), self._store, self._clock)
            await self._ledger.announce(failed)
        except SourceChanged:
            log.info("source.changed_while_read", file=stat.filename)
        else:
            done = await settle.source_read(
                stat.source_id, source.source_version, self._store, self._clock
            )
            await self._ledger.announce(done)

    async def _send_all(self, source: SourceToRead) -> bool:
        """Send a source piece by piece; returns False if somebody else wants it meanwhile."""
        letters = LetterPile()
        async with aclosing(read_source(source, self._repository)) as pieces:
            while True:
                since_ns = tracing.now_ns()
                with metrics.STEPS.timed(step="read"):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                # The trace of a batch begins with its reading, once there is a batch.
                with tracing.span("discover batch", since_ns=since_ns):
                    with tracing.span("read", since_ns=since_ns):
                        pass
                    await self._send(piece, letters)
                if self.claims.is_contested(source.stat.source_id):
                    return False
            await self._bury(letters.take())
        return True

    async def _send(self, piece: Batch | DeadLetter, letters: LetterPile) -> None:
        self._changed.set()
        if isinstance(piece, Batch):
            await self._bury(letters.take())
            await self._publisher.publish(outgoing_batch(DISCOVERY_BATCH, piece))
            reached(Failpoint.SENT)
            await settle.batch_published(piece.descriptor, self._store)
            return
        if letters.is_full_with(piece):
            await self._bury(letters.take())

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        """Put letters of one source on the bus together, and note them together."""
        if not letters:
            return
        first = letters[0]
        log.error(
            "lines.buried",
            file=first.filename,
            line=first.line,
            last_line=letters[-1].last_line or letters[-1].line,
            letters=len(letters),
            records=sum(letter.records for letter in letters),
            reason=first.reason,
        )
        await self._publisher.publish_all(map(outgoing_dead_letter, letters))
        await self._ledger.announce(await settle.dead_lettered(letters, self._store, self._clock))
