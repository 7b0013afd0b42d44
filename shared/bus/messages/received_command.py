"""A command as a service takes it: data, for handlers that know no bus."""

from dataclasses import dataclass
from datetime import datetime

from shared.contracts.base import Command
from shared.contracts.reading import Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A command as the bus tells of it, whatever stands in its body."""

    who: str
    family: str
    collection: str
    key: str
    """Of the message: a second delivery of it is audited as the same. Its place in the stream,
    not its own id: somebody may use that again when the stream has forgotten it."""
    given_at: datetime | None
    wish: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedCommand:
    """A command as it arrived, readable or not."""

    collection: str
    subject: str
    key: str
    """Of the message itself: no two messages share it, as they may a correlation id."""
    cause: str
    """The correlation id of its answers: its own, or else the key."""
    command: Command | Unreadable
    given: Given
    is_repeated: bool = False
    """Whether it was delivered before, and perhaps carried out."""
