"""Rows of a sheet become a table: its notes, its header, its records."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from shared.readers.headers import Header, column_names, find_header, plain
from shared.readers.parts import Part, Table, Warnings
from shared.readers.rows import EVIDENCE, Fitter, profile_of
from shared.readers.shapes import shape_of
from shared.readers.told import Told

MOSTLY: Final = 0.9


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of a record, and the line or row that it begins in."""

    number: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class Frame:
    """What is known of a table before its records are read."""

    width: int
    what: str = "line"
    """What its numbers count."""
    name: str | None = None
    first_column: int = 0


@dataclass(frozen=True, slots=True)
class Opening:
    """The first records of a table, and what names its columns."""

    first: list[Record]
    header: Header
    frame: Frame

    @property
    def places(self) -> str:
        """Where the header is, in words."""
        rows = [f"{self.frame.what} {self.first[place].number}" for place in self.header.rows]
        return ", ".join(rows) or "none"


def open_table(records: Iterator[Record], frame: Frame, told: Told) -> Opening:
    """Look at the first records of a table."""
    first = list(islice(records, EVIDENCE))
    if told.header_row is None:
        return Opening(first, find_header([one.cells for one in first], frame.width), frame)
    places = [at for at, one in enumerate(first) if one.number == told.header_row]
    begin = places[0] + 1 if places else 0
    return Opening(first, Header(tuple(places), begin, "it was told so"), frame)


def parts_of(opening: Opening, rest: Iterator[Record], warnings: Warnings) -> Iterator[Part]:
    """Yield the table and its records; what is to be told goes to the warnings."""
    first, header, frame = opening.first, opening.header, opening.frame
    named = [first[place] for place in header.rows]
    width = max([frame.width, *(len(_trimmed(one.cells)) for one in named)])
    columns = column_names(
        [one.cells for one in named], [one.number for one in named], width, frame.first_column
    )
    notes = _notes(opening, warnings)
    yield Table(columns, frame.name, tuple(one.number for one in named), notes)
    body = first[header.begin :]
    fitter = Fitter(
        width, profile_of([one.cells for one in body], width), warnings, frame.what,
        header=tuple(named[-1].cells) if named else (), values=_numbers(body, width),
    )  # fmt: skip
    fitter.blank = header.begin - len(notes) - len(named)
    for record in chain(body, rest):
        if (part := fitter.fit(record.number, record.cells)) is not None:
            yield part
    if fitter.blank:
        warnings.add("blank", "blank rows were passed over", count=fitter.blank)


def _notes(opening: Opening, warnings: Warnings) -> tuple[tuple[int, str], ...]:
    header = opening.header
    notes = tuple(
        (one.number, plain(" ".join(one.cells)))
        for place, one in enumerate(opening.first[: header.begin])
        if place not in header.rows and any(cell.strip() for cell in one.cells)
    )
    if notes:
        text = "rows before the header belong to no record"
        warnings.add("notes", text, f"{opening.frame.what} {notes[0][0]}", count=len(notes))
    if not header.is_certain:
        text = "nothing tells the header from a record; the first row that is filled is taken"
        warnings.add("header-guessed", text)
    return notes


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _numbers(body: list[Record], width: int) -> frozenset[int]:
    """Return the columns of numbers, whatever stands for those that are missing."""
    found = set()
    for column in range(width):
        shapes = [shape_of(one.cells[column]) for one in body if len(one.cells) > column]
        filled = len(shapes) - shapes.count("empty") - shapes.count("stand-in")
        if filled and shapes.count("number") >= MOSTLY * filled:
            found.add(column)
    return frozenset(found)
