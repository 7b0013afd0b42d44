"""What a preview of a file shows: counts, and the first examples of everything."""

import os
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from shared.readers.in_process import read_in_process
from shared.readers.parts import BadRow, Recognised, Row, Skipped, Table, Warned
from shared.readers.told import Told

EXAMPLES = 3
LONGEST_EXAMPLE = 60
BAD_SHOWN = 20


@dataclass(slots=True)
class ColumnView:
    """A column: how many of its cells are filled, and with what."""

    name: str
    filled: int = 0
    examples: list[str] = field(default_factory=list)

    def take(self, cell: str) -> None:
        """Look at a cell."""
        if not cell or cell.isspace():
            return
        self.filled += 1
        if len(self.examples) < EXAMPLES:
            shown = " ".join(cell[: 4 * LONGEST_EXAMPLE].split())
            if len(shown) > LONGEST_EXAMPLE:
                shown = shown[: LONGEST_EXAMPLE - 1] + "…"
            if shown not in self.examples:
                self.examples.append(shown)


@dataclass(slots=True)
class TableView:
    """A table: its columns, and how many records it has."""

    name: str | None
    header: list[int]
    notes: list[dict[str, Any]]
    columns: list[ColumnView]
    rows: int = 0
    bad_rows: int = 0

    def take(self, cells: tuple[str, ...]) -> None:
        """Look at a record."""
        self.rows += 1
        for column, cell in zip(self.columns, cells, strict=True):
            column.take(cell)


@dataclass(slots=True)
class Preview:
    """A file."""

    file: str
    size_bytes: int
    format: str = ""
    why: str = ""
    facts: list[dict[str, str]] = field(default_factory=list)
    tables: list[TableView] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    bad_rows: list[dict[str, Any]] = field(default_factory=list)
    """The first of them; each table counts its own."""

    def take_bad(self, bad: dict[str, Any]) -> None:
        """Note a row that cannot be read."""
        self.tables[-1].bad_rows += 1
        if len(self.bad_rows) < BAD_SHOWN:
            self.bad_rows.append(bad)


def preview_of(
    file: BinaryIO, name: str, told: Told | None = None, *, shown_as: str | None = None
) -> Preview:
    """Read a file in a process of its own, and keep what a preview shows of it.

    Args:
        file: An open file, not a pipe.
        name: Its name, a hint where its bytes could be either.
        told: What a person knows better.
        shown_as: What the preview calls it, if not by that name.

    Raises:
        UnreadableFileError: It cannot be read, or no further.
    """
    preview = Preview(shown_as or name, os.fstat(file.fileno()).st_size)
    for part in read_in_process(file, name, told or Told()):
        match part:
            case Row():
                preview.tables[-1].take(part.cells)
            case BadRow():
                preview.take_bad(asdict(part))
            case Table():
                preview.tables.append(_view(part))
            case Recognised():
                preview.format, preview.why = part.format, part.why
                preview.facts = [asdict(one) for one in part.facts]
            case Skipped():
                preview.skipped.append(asdict(part))
            case Warned():
                preview.warnings.append(asdict(part))
    return preview


def _view(table: Table) -> TableView:
    notes = [{"row": number, "text": text} for number, text in table.notes]
    columns = [ColumnView(name) for name in table.columns]
    return TableView(table.name, list(table.header), notes, columns)
