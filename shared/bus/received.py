"""A message as a subscriber sees it."""

from collections.abc import Mapping
from dataclasses import dataclass

from nats.aio.msg import Msg

from shared.bus.outgoing import MESSAGE_ID


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to hand over one message."""

    subject: str
    body: bytes
    headers: Mapping[str, str]
    sequence: int
    deliveries: int
    timestamp: str = ""
    """When the stream stored it, as the server tells it."""

    @property
    def cause(self) -> str:
        """What to call this message in its effects: its own id, or its place in the stream.

        The time is part of the place: a stream that was deleted counts from 1 again.
        """
        return self.headers.get(MESSAGE_ID) or f"{self.subject}@{self.sequence}@{self.timestamp}"


def delivery_of(raw: Msg) -> Delivery:
    """Read a message of JetStream, or a plain one (then as its first delivery)."""
    known = bool(raw.reply)
    return Delivery(
        subject=raw.subject,
        body=raw.data,
        headers=raw.headers or {},
        sequence=raw.metadata.sequence.stream if known else 0,
        deliveries=raw.metadata.num_delivered if known else 1,
        timestamp=raw.metadata.timestamp.isoformat() if known else "",
    )
