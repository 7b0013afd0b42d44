"""A message as a subscriber sees it."""

from collections.abc import Mapping
from dataclasses import dataclass

from nats.aio.msg import Msg


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to hand over one message."""

    subject: str
    body: bytes
    headers: Mapping[str, str]
    sequence: int
    deliveries: int


def delivery_of(raw: Msg) -> Delivery:
    """Read a message of JetStream, or a plain one (then as its first delivery)."""
    known = bool(raw.reply)
    return Delivery(
        subject=raw.subject,
        body=raw.data,
        headers=raw.headers or {},
        sequence=raw.metadata.sequence.stream if known else 0,
        deliveries=raw.metadata.num_delivered if known else 1,
    )
