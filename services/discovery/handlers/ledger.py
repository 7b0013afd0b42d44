"""Tells what became of sources: first the outside, then the ledger that it was told."""

import asyncio
from collections.abc import Sequence

from services.discovery.handlers import accounts
from services.discovery.handlers.events import SourceNews
from services.discovery.handlers.postponed import Postponed
from services.discovery.ports import Ledger
from shared.bus.messages.outgoing import Steps, outgoing_batch, outgoing_event
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.channel import Channel
from shared.bus.registry.sources import (
    SOURCE_COMPLETED,
    SOURCE_FAILED,
    SOURCE_FORGOTTEN,
    SOURCE_GONE,
    SOURCE_RETURNED,
)
from shared.clock import Clock
from shared.contracts.base import Event
from shared.contracts.batches import Batch
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.sources import (
    SourceCompleted,
    SourceFailed,
    SourceForgotten,
    SourceGone,
    SourceReturned,
)
from shared.contracts.writing import WritingSettled
from shared.failpoints import Failpoint, reached
from shared.task_groups import LimitedTaskGroup

NOTED_AT_ONCE = 64
CHANNELS: dict[type[Event], Channel] = {
    SourceCompleted: SOURCE_COMPLETED,
    SourceFailed: SOURCE_FAILED,
    SourceForgotten: SOURCE_FORGOTTEN,
    SourceGone: SOURCE_GONE,
    SourceReturned: SOURCE_RETURNED,
}


class LedgerKeeper:
    """Keeps the ledger up to date with what the other stages tell, and tells what follows."""

    def __init__(self, store: Ledger, clock: Clock, changed: asyncio.Event) -> None:
        self._store = store
        self._clock = clock
        self.changed = changed
        """Set whenever the figures may be others."""
        self.postponed = Postponed()
        """Which sources are to be looked at when their versions have ended."""

    async def settled(self, events: Sequence[WritingSettled]) -> Steps:
        """Note what the dataset holds.

        Raises:
            TransientError: The ledger could not be written.
        """
        found = await accounts.settled(events, self._store, self._clock)
        async for messages in self.announce(found):
            yield messages
        self.changed.set()

    async def dead_lettered(self, letters: Sequence[DeadLetter]) -> Steps:
        """Note what was given up.

        Raises:
            TransientError: The ledger could not be written.
        """
        found = await accounts.dead_lettered(letters, self._store, self._clock)
        async for messages in self.announce(found):
            yield messages
        self.changed.set()

    async def announce(self, events: Sequence[SourceNews]) -> Steps:
        """Tell the outside about sources, and then note that it was told.

        A source that several commands asked to forget has an event for each. What shows a version
        goes to the others: the ledger has noted it, and sends it again until it is settled.

        Raises:
            TransientError: The ledger could not be written; what was told is told once more.
        """
        if any(isinstance(event, Batch) for event in events):
            reached(Failpoint.SHOWING)
        told = [event for event in events if not isinstance(event, Batch)]
        yield [
            *(outgoing_event(CHANNELS[type(event)], event) for event in told),
            *(outgoing_batch(DISCOVERY_BATCH, one) for one in events if isinstance(one, Batch)),
        ]
        async with LimitedTaskGroup(NOTED_AT_ONCE) as group:
            for event in told:
                await group.begin(accounts.announced, event, self._store)
        ended = [one for one in told if isinstance(one, SourceCompleted | SourceForgotten)]
        self.postponed.end(one.source_id for one in ended)

    async def resume(self) -> Steps:
        """Tell what a crash kept from being told.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        async for messages in self.announce(await accounts.unannounced(self._store, self._clock)):
            yield messages
