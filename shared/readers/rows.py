"""Rows that have as many cells as their table has columns, whatever stood there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from shared.readers.parts import BadRow, Row, Warnings
from shared.readers.shapes import STAND_INS

EVIDENCE: Final = 500
ENOUGH: Final = 5


@dataclass(frozen=True, slots=True)
class Profile:
    """Which columns every record fills, and which none does."""

    always: frozenset[int] = frozenset()
    never: frozenset[int] = frozenset()

    def fits(self, cells: Sequence[str]) -> bool:
        """Tell whether a record fills what all others do, and nothing that none does."""
        return all(cells[one].strip() for one in self.always) and not any(
            cells[one].strip() for one in self.never
        )


def profile_of(rows: Sequence[Sequence[str]], width: int) -> Profile:
    """Look at the records that have the right number of cells."""
    right = [row for row in rows if len(row) == width]
    if len(right) < ENOUGH:
        return Profile()
    columns = [[bool(row[one].strip()) for row in right] for one in range(width)]
    return Profile(
        frozenset(place for place, one in enumerate(columns) if all(one)),
        frozenset(place for place, one in enumerate(columns) if not any(one)),
    )


@dataclass(slots=True)
class Fitter:
    """Makes rows of a table out of records; what it mends, it tells."""

    width: int
    profile: Profile
    warnings: Warnings
    what: str = "line"
    header: tuple[str, ...] = ()
    values: frozenset[int] = frozenset()
    """The columns of numbers."""
    blank: int = field(default=0, init=False)

    def fit(self, number: int, cells: list[str]) -> Row | BadRow | None:
        """Return the row that a record is, why it is none, or nothing of a blank one."""
        place = f"{self.what} {number}"
        filled = sum(1 for cell in cells if cell and not cell.isspace())
        if not filled:
            self.blank += 1
            return None
        if len(cells) > self.width:
            shorter = self._shorter(cells, place)
            if shorter is None:
                return self._too_long(number, cells, place)
            cells = shorter
        if len(cells) < self.width:
            text = f"records have fewer than {self.width} cells; the rest is empty"
            self.warnings.add("short", text, place)
            cells = cells + [""] * (self.width - len(cells))
        self._look(cells, filled, place)
        return Row(number, tuple(cells))

    def _look(self, cells: list[str], filled: int, place: str) -> None:
        if filled == 1 and self.width > 2:  # noqa: PLR2004
            text = "records have a single filled cell: titles, notes or parts of a table perhaps"
            self.warnings.add("lone", text, place)
        if self.header and cells[0] == self.header[0] and tuple(cells) == self.header:
            self.warnings.add("header-again", "records repeat the header", place)
        for column in self.values:
            if cells[column] and cells[column].strip().lower() in STAND_INS:
                text = "cells of columns of numbers hold a word or sign for a missing value"
                self.warnings.add("stand-in", text, place)

    def _shorter(self, cells: list[str], place: str) -> list[str] | None:
        """Take out as many empty cells as are too many, if only one way to do it fits."""
        over = len(cells) - self.width
        cut = None if any(cell.strip() for cell in cells[self.width :]) else cells[: self.width]
        if cut is not None and self.profile.fits(cut):
            text = "records have more empty cells at their end than there are columns"
            self.warnings.add("surplus", text, place)
            return cut
        if over == 1:
            ways = {
                tuple(cells[:one] + cells[one + 1 :])
                for one, cell in enumerate(cells)
                if not cell.strip()
            }
            fitting = [one for one in ways if self.profile.fits(one)]
            if len(fitting) == 1 and (self.profile.always or self.profile.never):
                text = (
                    "records have a delimiter too many; the empty cell was taken out with which "
                    "they fill the columns that all others fill"
                )
                self.warnings.add("realigned", text, place)
                return list(fitting[0])
        return None

    def _too_long(self, number: int, cells: list[str], place: str) -> BadRow:
        reason = f"it has {len(cells)} cells and the table {self.width} columns"
        text = "records have more cells than there are columns; they are not read"
        self.warnings.add("long", text, place)
        return BadRow(number, reason, " | ".join(cells)[:1000])
