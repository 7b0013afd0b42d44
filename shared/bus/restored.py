"""Takes out of the streams of work what was settled and came back when a server was killed.

A server writes down that a message was acked, and that it is out of its stream, one after the
other. Killed in between, it may have the message again: no reader is given it, and it takes room
for good. Only its place tells: it is before that up to which its readers have settled all.
"""

from collections.abc import AsyncIterator, Iterable, Sequence

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo

from shared.bus.registry.streams import Stream

PAGE = 256
"""So many consumers the server lists at once."""


async def remove_restored(js: JetStreamContext, streams: Iterable[Stream]) -> None:
    """Remove from the streams of work what every reader of its subject has settled.

    Raises:
        NotFoundError: A stream does not exist.
        NatsError: The server did not answer.
    """
    for stream in (one for one in streams if not one.is_kept):
        readers = [one async for one in _readers(js, stream.name)]
        state = (await js.stream_info(stream.name)).state
        for subject in {one for reader in readers for one in _filters(reader)}:
            floor = _settled_to(subject, readers)
            if state.messages and state.first_seq <= floor:
                await js.purge_stream(stream.name, seq=floor + 1, subject=subject)


async def _readers(js: JetStreamContext, stream: str) -> AsyncIterator[ConsumerInfo]:
    offset, page = 0, [None] * PAGE
    while len(page) == PAGE:
        page = await js.consumers_info(stream, offset)
        for one in page:
            yield one
        offset += PAGE


def _settled_to(subject: str, readers: Sequence[ConsumerInfo]) -> int:
    """Return the place up to which all have settled that read any of these messages."""
    places = [
        one.ack_floor.stream_seq if one.ack_floor else 0
        for one in readers
        if any(overlap(subject, other) for other in _filters(one))
    ]
    return min(places)


def _filters(reader: ConsumerInfo) -> Sequence[str]:
    config = reader.config
    return config.filter_subjects or [config.filter_subject or ">"]


def overlap(one: str, other: str) -> bool:
    """Tell whether a message may be of both subjects."""
    for mine, its in zip(one.split("."), other.split("."), strict=False):
        if ">" in {mine, its}:
            return True
        if mine != its and "*" not in {mine, its}:
            return False
    return one.count(".") == other.count(".")
