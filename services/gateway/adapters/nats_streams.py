"""The public streams, as those read them who lag behind."""

from collections.abc import Sequence

from services.gateway.handlers.event_feed import EventFeed
from services.gateway.ports import PointMessage
from shared.bus.connection import Client
from shared.bus.reading.events import ANSWER_SUBJECTS, PUBLIC_SUBJECTS, stored_event
from shared.bus.reading.stream_reader import StreamReader
from shared.bus.registry.batches import MAP_POINTS
from shared.bus.registry.writing import MAP_REMOVED, WRITING_COMMITTED, WRITING_PUBLISHED
from shared.contracts.stored_events import StoredEvent


class NatsEventStream:
    """The events of a stream."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader

    async def last(self) -> int:
        """See the port."""
        return (await self._reader.state()).last_seq

    async def some(self, after: int, most: int) -> tuple[Sequence[StoredEvent], bool]:
        """See the port."""
        messages, has_more = await self._reader.some(after, most)
        return [stored_event(raw) for raw in messages], has_more


class NatsPointStream:
    """The points that were committed, and that left the map."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader

    async def bounds(self) -> tuple[int, int]:
        """See the port."""
        state = await self._reader.state()
        return state.first_seq, state.last_seq

    async def some(
        self, collection: str, after: int, most: int
    ) -> tuple[Sequence[PointMessage], bool]:
        """See the port."""
        removals = MAP_REMOVED.subject(collection)
        subjects = (MAP_POINTS.subject(collection), removals)
        one = StreamReader(self._reader.client, self._reader.stream, subjects)
        messages, has_more = await one.some(after, most)
        return [
            PointMessage(raw.sequence, raw.data, is_removal=raw.subject == removals)
            for raw in messages
        ], has_more


def events_reader(client: Client) -> StreamReader:
    """Say which events are followed: those of collections to come, too."""
    return StreamReader(client, WRITING_PUBLISHED.stream, PUBLIC_SUBJECTS)


def points_reader(client: Client) -> StreamReader:
    """Say which points are followed."""
    return StreamReader(client, MAP_POINTS.stream, (MAP_POINTS.every_subject,))


def commits_reader(client: Client) -> StreamReader:
    """Say which commits are followed."""
    return StreamReader(client, WRITING_COMMITTED.stream, (WRITING_COMMITTED.every_subject,))


def build_events(client: Client) -> EventFeed:
    """Wire the feed of public events."""
    answers = StreamReader(client, WRITING_PUBLISHED.stream, ANSWER_SUBJECTS)
    return EventFeed(NatsEventStream(events_reader(client)), NatsEventStream(answers))
