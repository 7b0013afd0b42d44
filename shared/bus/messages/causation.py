"""What the messages in hand come from: told onwards with whatever is published meanwhile."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from nats.aio.msg import Msg

from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.registry.channel import split_subject
from shared.observability import tracing
from shared.observability.tracing import Trace

FIRST_PUBLISHED = "mapstream-first-published"
"""Header: when the first message of a chain was published, as in ``ce-time``."""
TIME = "ce-time"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one message in hand comes from."""

    first_published: str | None
    trace: Trace | None = None


_in_hand: ContextVar[Mapping[str, Origin]] = ContextVar("in_hand", default={})  # noqa: B039


@contextmanager
def in_hand(raws: list[Msg]) -> Iterator[None]:
    """Let what is published until the block ends come from these messages."""

    def named() -> dict[str, tuple[str, Mapping[str, str]]]:
        return {
            key_of(raw): (f"process {split_subject(raw.subject)[0]}", raw.headers or {})
            for raw in raws
        }

    with tracing.handling(named) as traces:
        origins = {
            key_of(raw): Origin(first_published(raw), traces.get(key_of(raw))) for raw in raws
        }
        token = _in_hand.set(origins)
        try:
            yield
        finally:
            _in_hand.reset(token)


def origin_of(message_id: str) -> Origin | None:
    """Find what a message comes from: the one with the same batch id, or the only one in hand."""
    origins = _in_hand.get()
    if len(origins) == 1:
        return next(iter(origins.values()))
    return origins.get(batch_key(message_id))


def first_published(raw: Msg) -> str | None:
    """Read when the first message of the chain that led to this one was published."""
    headers = raw.headers or {}
    return headers.get(FIRST_PUBLISHED) or headers.get(TIME)


def batch_key(message_id: str) -> str:
    """Return the part of a message id that all stages share: they prefix it with their name."""
    return message_id.partition(":")[2] or message_id


def key_of(raw: Msg) -> str:
    """Return the same part of a message that was delivered."""
    headers = raw.headers or {}
    return batch_key(headers.get(MESSAGE_ID) or raw.reply)
