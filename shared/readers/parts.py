"""What a reader finds in a file, in file order."""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that was found out about a file, and why it is taken to be so."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a file is taken for; the first part of all."""

    format: str
    why: str
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table begins: that of a file, or one of its sheets."""

    columns: tuple[str, ...]
    name: str | None = None
    header: tuple[int, ...] = ()
    """The numbers of the rows that name the columns; none: they are numbered."""
    notes: tuple[tuple[int, str], ...] = ()
    """Rows before the header that belong to no record: titles and remarks."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record: as many cells as its table has columns."""

    number: int
    """The row of the sheet, or the line of the file, that it begins in; the first is 1."""
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadRow:
    """What stands where a record should be and cannot be read as one."""

    number: int
    reason: str
    text: str
    """Its beginning, as it stands there."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A sheet that is not read."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that a person should know, how often it is so, and where first."""

    code: str
    text: str
    count: int = 1
    places: tuple[str, ...] = ()


Part = Recognised | Table | Row | BadRow | Skipped | Warned

MOST_PLACES: Final = 5


@dataclass(slots=True)
class Warnings:
    """Counts what is to be told, and keeps where it was first."""

    _found: dict[str, tuple[str, int, list[str]]] = field(default_factory=dict)

    def add(self, code: str, text: str, place: str | None = None, count: int = 1) -> None:
        """Count one more; of a code, the first text stays."""
        first, before, places = self._found.get(code, (text, 0, []))
        if place is not None and len(places) < MOST_PLACES:
            places.append(place)
        self._found[code] = (first, before + count, places)

    def parts(self) -> list[Warned]:
        """Return all that was told, in the order of first times."""
        return [
            Warned(code, text, count, tuple(places))
            for code, (text, count, places) in self._found.items()
        ]
