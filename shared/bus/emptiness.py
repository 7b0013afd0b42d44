"""Tells what the bus has of a collection, before what reads it is taken away."""

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from shared.bus.registry.channel import COMMANDS
from shared.bus.registry.commands import subjects_of
from shared.bus.registry.durables import DURABLES, WRITING_READS_PROJECTION
from shared.bus.registry.streams import BY_NAME

LAST = WRITING_READS_PROJECTION
"""Read by the service that has most to do with what came of a collection, and leaves last."""
OF_COLLECTIONS = tuple(one for one in DURABLES if one.is_per_collection)


@dataclass(frozen=True, slots=True)
class Held:
    """What the bus has of a collection."""

    messages: int
    """In its streams, or handed out and not acknowledged; not counted while somebody reads."""
    readers: frozenset[str]
    """The services that ask for more."""
    places: tuple[int, ...]
    """How many messages each consumer has handed out since it was made."""


async def held_of(js: JetStreamContext, collection: str) -> Held:
    """Ask the server; consumers that are gone hold nothing.

    In the order in which a message passes: what has left one of them is in the next, or gone.
    While the last service asks for more that is all that is told, since that is asked often and
    all else is a dozen questions.

    Raises:
        NatsError: The server did not answer.
    """
    last = await _unless_gone(js.consumer_info(LAST.stream, LAST.name(collection)))
    if last is not None and last.num_waiting:
        return Held(0, frozenset((LAST.service,)), ())
    messages, readers, places = 0, set(), []
    for subject, stream in _subjects(collection):
        info = await js.stream_info(stream, subjects_filter=subject)
        messages += sum((info.state.subjects or {}).values())
    for durable in OF_COLLECTIONS:
        asked = js.consumer_info(durable.stream, durable.name(collection))
        consumer = await _unless_gone(asked)
        if consumer is None:
            continue
        messages += (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
        places.append(consumer.delivered.consumer_seq if consumer.delivered else 0)
        if consumer.num_waiting:
            readers.add(durable.service)
    return Held(messages, frozenset(readers), tuple(places))


def _subjects(collection: str) -> Iterable[tuple[str, str]]:
    """List where messages of a collection wait, each subject with its stream."""
    for durable in OF_COLLECTIONS:
        if not BY_NAME[durable.stream].is_kept:
            for channel in durable.channels:
                yield channel.subject(collection), durable.stream
    for subject in subjects_of(collection):
        yield subject, COMMANDS


async def _unless_gone(info: Awaitable[ConsumerInfo]) -> ConsumerInfo | None:
    try:
        return await info
    except NotFoundError:
        return None
