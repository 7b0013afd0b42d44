"""What is about to be published: built from contracts, sent by the publisher."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.bus.messages.headers import batch_headers, opened_headers
from shared.bus.registry.channel import Channel
from shared.contracts.base import Event, Message
from shared.contracts.batches import Batch, encode

MESSAGE_ID = "Nats-Msg-Id"
EPOCH = ":@"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message with its place and its id; the stream drops a second one with the same id."""

    channel: Channel
    collection: str
    message_id: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    time: datetime | None = None
    """When it happened; the time of sending if not given."""


Steps = AsyncGenerator[Iterable[Outgoing], None]
"""What a handler gives: messages to be published together, step by step.

It goes on after each step when the bus has stored that; see ``Publisher.publish_steps``.
"""


def outgoing_event(channel: Channel, event: Event) -> Outgoing:
    """Publish an event as JSON."""
    body = event.model_dump_json().encode()
    return Outgoing(channel, event.collection, event.id, body, time=event.occurred_at)


def outgoing_message(
    channel: Channel,
    collection: str,
    message: Message,
    *,
    message_id: str,
    headers: Mapping[str, str] | None = None,
) -> Outgoing:
    """Publish any other JSON message."""
    body = message.model_dump_json().encode()
    return Outgoing(channel, collection, message_id, body, headers or {})


def outgoing_batch(channel: Channel, batch: Batch, opened: Sequence[str] = ()) -> Outgoing:
    """Publish a batch; its id is the batch's id (and replay, and epoch), after the stage's.

    What it is a piece of stands in the headers too: a damaged body is still accounted for. So do
    the openings of the state that sends it on, where the stage has one.
    """
    descriptor = batch.descriptor
    message_id = of_epoch(channel.message_id(descriptor.delivery_id), descriptor.epoch)
    headers = batch_headers(batch) | opened_headers(opened)
    return Outgoing(channel, descriptor.collection, message_id, encode(batch), headers)


def of_epoch(message_id: str, epoch: int) -> str:
    """Return the id that a message has in an epoch: the stream drops copies of the same only."""
    return f"{message_id}{EPOCH}{epoch}" if epoch else message_id


def of_any_epoch(message_id: str) -> str:
    """Return the id that all sendings of a message share."""
    return message_id.partition(EPOCH)[0]
