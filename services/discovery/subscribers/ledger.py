"""News about records: from the bus to the ledger."""

import asyncio
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from services.discovery.handlers import settle
from services.discovery.handlers.settle import Told
from services.discovery.ports import Ledger
from shared.bus.consuming.subscriptions import Subscriber
from shared.bus.messages.outgoing import Outgoing, outgoing_event
from shared.bus.messages.received import Delivery
from shared.bus.publishing.dead_letters import read_dead_letter
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.channel import Channel
from shared.bus.registry.durables import (
    DISCOVERY_READS_COMMITS,
    DISCOVERY_READS_DEAD_LETTERS,
)
from shared.bus.registry.sources import (
    SOURCE_COMPLETED,
    SOURCE_FAILED,
    SOURCE_FORGOTTEN,
    SOURCE_GONE,
    SOURCE_RETURNED,
)
from shared.clock import Clock
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.sources import (
    SourceCompleted,
    SourceFailed,
    SourceForgotten,
    SourceGone,
    SourceReturned,
)
from shared.contracts.writing import WritingCommitted
from shared.errors import InvalidMessage
from shared.task_groups import LimitedTaskGroup

MAX_MESSAGES = 64
MAX_WAIT_S = 0.1


class LedgerShell:
    """Keeps the ledger up to date with what the other stages tell."""

    def __init__(
        self, store: Ledger, publisher: Publisher, clock: Clock, changed: asyncio.Event
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._changed = changed

    def subscribe(self, subscriber: Subscriber, collection: str) -> None:
        """Subscribe to the news about one collection."""
        subscriber.micro_batches(
            DISCOVERY_READS_COMMITS,
            collection,
            decode_committed,
            self.on_committed,
            max_messages=MAX_MESSAGES,
            max_wait_s=MAX_WAIT_S,
        )
        subscriber.micro_batches(
            DISCOVERY_READS_DEAD_LETTERS,
            collection,
            decode_dead_letter,
            self.on_dead_letters,
            max_messages=MAX_MESSAGES,
            max_wait_s=MAX_WAIT_S,
        )

    async def on_committed(self, events: Sequence[WritingCommitted]) -> Iterable[Outgoing]:
        """Note what the dataset holds."""
        await self.announce(await settle.committed(events, self._store, self._clock))
        self._changed.set()
        return ()

    async def on_dead_letters(self, letters: Sequence[DeadLetter]) -> Iterable[Outgoing]:
        """Note what was given up."""
        await self.announce(await settle.dead_lettered(letters, self._store, self._clock))
        self._changed.set()
        return ()

    async def announce(self, events: Sequence[Told]) -> None:
        """Tell the outside about sources, and then note that it was told.

        A source that several commands asked to forget has an event for each.
        """
        messages = [outgoing_event(CHANNELS[type(event)], event) for event in events]
        await self._publisher.publish_all(messages)
        async with LimitedTaskGroup(MAX_MESSAGES) as group:
            for event in events:
                await group.begin(settle.announced, event, self._store)

    async def announce_pending(self) -> None:
        """Tell what a crash kept from being told."""
        await self.announce(await settle.unannounced(self._store, self._clock))


CHANNELS: dict[type[Told], Channel] = {
    SourceCompleted: SOURCE_COMPLETED,
    SourceFailed: SOURCE_FAILED,
    SourceForgotten: SOURCE_FORGOTTEN,
    SourceGone: SOURCE_GONE,
    SourceReturned: SOURCE_RETURNED,
}


def decode_committed(delivery: Delivery) -> WritingCommitted:
    """Read an event.

    Raises:
        InvalidMessage: It is none.
    """
    try:
        return WritingCommitted.model_validate_json(delivery.body)
    except ValidationError as error:
        raise InvalidMessage(f"the event cannot be read: {error}") from error


def decode_dead_letter(delivery: Delivery) -> DeadLetter:
    """Read a dead letter; one whose headers are incomplete counts for nothing."""
    return read_dead_letter(delivery.subject, delivery.headers, delivery.body)
