"""What a format finds in a source, in file order: entries that can be read, and what cannot be."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """A record as its format found it, before it has its number."""

    text: str
    iteration: int
    """A 32-bit integer: records of one iteration are counted in file order."""
    type: str
    timestamp: datetime | None
    attributes: str | None = None
    """What else the source says of it, as a JSON object."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of a source that can be read, whether there is anything in it to map or not."""

    line: int
    """The line, or the row; counted from 1."""
    position: int
    """Which entry of the line it is, from 0."""
    byte_offset: int
    """Where it begins. It grows from entry to entry, and the entry's bytes are its own."""
    size: int
    """How many bytes it has in the source."""
    draft: Draft | None
    """What there is to map; None: nothing."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A part of a line that no record could be made of, with the reason."""

    line: int
    position: int
    byte_offset: int
    reason: str
    data: bytes
    """Its bytes; of a line that is too long, the first ones."""
    size: int
    """How many bytes it has in the source."""


Part = Entry | BadLine
