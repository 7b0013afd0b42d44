"""The shell for the bus: it follows the public streams, and tells the feeds what comes."""

from contextlib import aclosing

import structlog
from pydantic import ValidationError

from services.gateway.handlers.event_feed import EventFeed
from services.gateway.handlers.points_feed import PointsFeed
from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.reading.events import stored_event
from shared.bus.reading.stream_reader import StreamReader, patiently
from shared.bus.registry.batches import MAP_POINTS
from shared.bus.registry.channel import split_subject
from shared.contracts.writing import WritingCommitted

PREFIX = MAP_POINTS.message_id("")
"""What a batch's id has before it as the id of its message."""
log = structlog.get_logger(__name__)


async def follow_events(feed: EventFeed, reader: StreamReader) -> None:
    """Take in events, for ever."""
    async with aclosing(reader.follow(feed.position)) as messages:
        async for raw in messages:
            feed.add(stored_event(raw))


async def follow_points(feed: PointsFeed, reader: StreamReader) -> None:
    """Take in the ids of messages of points, for ever."""
    feed.begin((await patiently(reader.state)).first_seq)
    async with aclosing(reader.follow(0, on_end=feed.has_points.set)) as messages:
        async for raw in messages:
            delivery_id = raw.headers.get(MESSAGE_ID, "").removeprefix(PREFIX)
            batch_id = delivery_id.partition(":")[0]
            feed.add_points(split_subject(raw.subject)[1], raw.sequence, batch_id)


async def follow_commits(feed: PointsFeed, reader: StreamReader) -> None:
    """Take in the commits, for ever; first the points, which wait for their commits."""
    await feed.has_points.wait()
    async with aclosing(reader.follow(0, on_end=feed.is_ready.set)) as messages:
        async for raw in messages:
            try:
                event = WritingCommitted.model_validate_json(raw.data)
            except ValidationError as error:
                log.warning("event.unreadable", subject=raw.subject, error=str(error))
                continue
            feed.add_commit(split_subject(raw.subject)[1], event)
