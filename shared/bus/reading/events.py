"""The public events, as their stream keeps them."""

from collections.abc import Iterable

from shared.bus.reading.direct_get import Stored
from shared.bus.registry import commands
from shared.bus.registry.channel import EVENTS, Channel, split_subject
from shared.bus.registry.channels import BY_FAMILY, CHANNELS
from shared.contracts.base import Event
from shared.contracts.stored_events import StoredEvent

PUBLIC = tuple(channel for channel in CHANNELS if channel.stream == EVENTS)


def stored_event(raw: Stored) -> StoredEvent:
    """Read where an event stands and which contract it has, and leave its body."""
    family, collection = split_subject(raw.subject)
    channel = BY_FAMILY.get(family)
    contract = channel.contract if channel else None
    known = contract if contract and issubclass(contract, Event) else None
    return StoredEvent(raw.sequence, family, collection, raw.data, known)


def public_subjects(collections: Iterable[str]) -> tuple[str, ...]:
    """List the subjects of all public events of these collections."""
    return _subjects(PUBLIC, collections)


def answer_subjects(collections: Iterable[str]) -> tuple[str, ...]:
    """List the subjects of those events that may answer a command."""
    return _subjects(commands.ANSWERS, collections)


def _subjects(channels: Iterable[Channel], collections: Iterable[str]) -> tuple[str, ...]:
    names = tuple(collections)
    return tuple(channel.subject(name) for channel in channels for name in names)
