"""A message as a subscriber sees it."""

from collections.abc import Mapping
from dataclasses import dataclass

from nats.aio.msg import Msg

from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.registry.users import GATEWAY, unsigned

USER = "mapstream-user"
"""Set here for every message that is received, never believed as it comes."""
CALLER = "mapstream-caller"
"""Set by the gateway: whose token a command came with. Where users are kept apart, believed of
nobody else; where they are not, told as somebody's word."""


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
    def user(self) -> str | None:
        """Which user of the bus gave a command; None: the server does not tell."""
        return self.headers.get(USER)

    @property
    def cause(self) -> str:
        """What to call this message in its effects: its own id, or its place in the stream.

        The time is part of the place: a stream that was deleted counts from 1 again.
        """
        return self.headers.get(MESSAGE_ID) or f"{self.subject}@{self.sequence}@{self.timestamp}"


def sign(raw: Msg, *, is_apart: bool) -> Msg:
    """Note in its headers which account a command came from, and spell its subject as it was sent.

    Args:
        raw: The message; a header of that name that somebody wrote himself is taken away.
        is_apart: Whether the server keeps users in accounts, so that the subject can be believed.
    """
    user, raw.subject = unsigned(raw.subject)
    known = user if is_apart else None
    untrue = {USER} if known == GATEWAY or not is_apart else {USER, CALLER}
    headers = {
        name: one for name, one in (raw.headers or {}).items() if name.lower() not in untrue
    }
    raw.headers = headers | ({USER: known} if known else {})
    return raw


def delivery_of(raw: Msg, *, is_again: bool = False) -> Delivery:
    """Read a message of JetStream, or a plain one (then as its first delivery).

    Args:
        raw: The message.
        is_again: Whether it was handled since it was delivered: that counts as a delivery, too.
    """
    known = bool(raw.reply)
    return Delivery(
        subject=raw.subject,
        body=raw.data,
        headers=raw.headers or {},
        sequence=raw.metadata.sequence.stream if known else 0,
        deliveries=(raw.metadata.num_delivered if known else 1) + is_again,
        timestamp=raw.metadata.timestamp.isoformat() if known else "",
    )
