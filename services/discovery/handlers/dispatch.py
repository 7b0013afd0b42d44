"""Dispatches a source: what is published of it, and what the ledger notes in between."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from services.discovery.domain.segments import Mark
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers import accounts
from services.discovery.handlers.epochs import Epochs
from services.discovery.handlers.examine import SMALL_BYTES
from services.discovery.handlers.found import SourceToRead
from services.discovery.handlers.ledger import LedgerKeeper
from services.discovery.handlers.read import read_source
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.handlers.turns import Room, Shares
from services.discovery.ports import (
    Ledger,
    SourceChangedError,
    SourceRepository,
    SourceUnreadableError,
)
from shared.bus.messages.outgoing import Steps, outgoing_batch, outgoing_event
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.sources import SOURCE_DISCOVERED
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.dead_letters import DeadLetter
from shared.failpoints import Failpoint, reached
from shared.observability import metrics, tracing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Puts sources on the bus, each as one run of steps."""

    repository: SourceRepository
    store: Ledger
    events: LedgerKeeper
    """Tells the outside what became of them."""
    locks: SourceLocks
    """Whoever wants the source that is being read has its reading stopped."""
    shares: Shares
    """What the looks at all collections share."""
    room: Room
    """How many batches of each may be sent."""
    epochs: Epochs
    """In which epoch each source is sent."""
    clock: Clock
    changed: asyncio.Event
    """Set whenever the figures may be others."""

    async def dispatch(self, source: SourceToRead) -> Steps:
        """Read a source and send it piece by piece, unless somebody else wants it meanwhile.

        Raises:
            TransientError: The ledger could not be written; the next scan reads it again.
        """
        yield [outgoing_event(SOURCE_DISCOVERED, source.event)]
        failed: Sequence[accounts.SourceNews] = ()
        try:
            async with aclosing(self._read(source)) as steps:
                async for messages in steps:
                    yield messages
        except SourceUnreadableError as error:
            failed = await accounts.source_failed(source.stat, str(error), self.store, self.clock)
        except SourceChangedError:
            log.info("source.changed_while_read", file=source.stat.filename)
        if failed:
            async for messages in self.events.announce(failed):
                yield messages

    async def _read(self, source: SourceToRead) -> Steps:
        stat, letters = source.stat, LetterPile()
        async with aclosing(read_source(source, self.repository)) as pieces:
            while True:
                since_ns = tracing.now_ns()
                async with self.shares.reading(is_large=stat.size > SMALL_BYTES):
                    with metrics.STEPS.timed(step="read"):
                        piece = await anext(pieces)
                if isinstance(piece, Mark):
                    break
                async with self._place(piece, stat) as may_be_sent:
                    if not may_be_sent:
                        return
                    # The trace of a batch begins with its reading, once there is a batch.
                    with tracing.span("discover batch", since_ns=since_ns):
                        with tracing.span("read", since_ns=since_ns):
                            pass
                        async with aclosing(self._send(piece, letters)) as steps:
                            async for messages in steps:
                                yield messages
                if self.locks.is_contested(stat.source_id):
                    log.info("source.reading_stopped", file=stat.filename)
                    return
            async for messages in self._dead_letter(letters.take()):
                yield messages
        done = await accounts.source_read(
            stat.source_id, source.source_version, piece, self.store, self.clock
        )
        async for messages in self.events.announce(done):
            yield messages

    @asynccontextmanager
    async def _place(self, piece: Batch | DeadLetter, stat: SourceStat) -> "AsyncGenerator[bool]":
        """Wait until a piece may be sent: not, if somebody else wants the source meanwhile."""
        if isinstance(piece, DeadLetter):
            yield True
            return
        is_contested = partial(self.locks.is_contested, stat.source_id)
        async with self.room.place(stat.collection, unless=is_contested) as may_be_sent:
            if not may_be_sent:
                log.info("source.reading_stopped", file=stat.filename)
            yield may_be_sent

    async def _send(self, piece: Batch | DeadLetter, letters: LetterPile) -> Steps:
        self.changed.set()
        if isinstance(piece, DeadLetter):
            if letters.is_full_with(piece):
                async for messages in self._dead_letter(letters.take()):
                    yield messages
            return
        async for messages in self._dead_letter(letters.take()):
            yield messages
        await accounts.batch_read(piece.descriptor, self.store)
        reached(Failpoint.NOTED)
        yield [outgoing_batch(DISCOVERY_BATCH, self.epochs.date(piece))]

    async def _dead_letter(self, letters: Sequence[DeadLetter]) -> Steps:
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
        yield map(outgoing_dead_letter, letters)
        done = await accounts.dead_lettered(letters, self.store, self.clock)
        async for messages in self.events.announce(done):
            yield messages
