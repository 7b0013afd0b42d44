"""The public events, as their stream keeps them."""

from shared.bus.reading.direct_get import Stored
from shared.bus.registry import commands
from shared.bus.registry.channel import EVENTS, split_subject
from shared.bus.registry.channels import BY_FAMILY, CHANNELS
from shared.contracts.base import Event
from shared.contracts.stored_events import StoredEvent

PUBLIC_SUBJECTS = tuple(one.every_subject for one in CHANNELS if one.stream == EVENTS)
"""Of all public events, whatever collection they are of."""
ANSWER_SUBJECTS = tuple(one.every_subject for one in commands.ANSWERS)
"""Of those events that may answer a command."""


def stored_event(raw: Stored) -> StoredEvent:
    """Read where an event stands and which contract it has, and leave its body."""
    family, collection = split_subject(raw.subject)
    channel = BY_FAMILY.get(family)
    contract = channel.contract if channel else None
    known = contract if contract and issubclass(contract, Event) else None
    return StoredEvent(raw.sequence, family, collection, raw.data, known)
