"""One line of a delimited file, whose quotes may stand where none belongs."""

import csv
import io
import re
import sys
from dataclasses import dataclass
from typing import Final

csv.field_size_limit(min(sys.maxsize, (1 << 31) - 1))

STRAY, LITERAL = 2, 3
"""What a reading costs that has a quote inside of quotes, or takes an opening one for a letter."""
MOST_CHOICES: Final = 20_000
"""A line with more ways to read it is not repaired."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells of a line are told apart."""

    delimiter: str | None
    """None: a line is one cell."""
    quote: str = '"'
    backslash: bool = False
    r"""Whether a quote inside of quotes is written ``\"``, and a backslash ``\\``."""
    spaced: bool = False
    """Whether a space may stand before an opening quote."""

    def prepared(self, line: str) -> str:
        """Write quotes inside of quotes twice, and take spaces before opening ones away."""
        if self.backslash:
            twice = {f"\\{self.quote}": self.quote * 2, "\\\\": "\\"}
            line = re.sub(rf"\\[{self.quote}\\]", lambda found: twice[found[0]], line)
        if self.spaced and self.delimiter:
            line = re.sub(rf"({re.escape(self.delimiter)}) +(?={self.quote})", r"\1", line)
        return line


class OpenQuoteError(Exception):
    """A quoted cell has no end yet."""


class StrayQuoteError(Exception):
    """A quote stands where none can."""


def strict(text: str, dialect: Dialect) -> list[str]:
    """Read a line, or several that belong together, by the rules and nothing else.

    Raises:
        OpenQuoteError: More lines are needed.
        StrayQuoteError: More lines do not help.
    """
    if dialect.quote not in text:
        return text.split(dialect.delimiter) if dialect.delimiter else [text]
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=dialect.delimiter or "\0",
        quotechar=dialect.quote,
        strict=True,
    )
    try:
        rows = list(reader)
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise OpenQuoteError from error
        raise StrayQuoteError from error
    if len(rows) != 1:
        raise StrayQuoteError
    return rows[0]


def fitting(line: str, dialect: Dialect, width: int) -> list[str] | None:
    """Read a line with stray quotes so that it has so many cells, at the least cost.

    Returns:
        None if it cannot be read so.
    """
    delimiter, quote = dialect.delimiter, dialect.quote
    if delimiter is None or line.count(delimiter) < width - 1:
        return None
    if line.count(delimiter) * (line.count(quote) + 1) > MOST_CHOICES:
        return None
    layer: dict[int, tuple[int, tuple]] = {0: (0, ())}
    for number in range(width):
        following: dict[int, tuple[int, tuple]] = {}
        for position, (cost, before) in layer.items():
            for end, cell, more in _choices(line, position, delimiter, quote):
                if (end == len(line)) != (number == width - 1):
                    continue
                known = following.get(end + 1)
                if known is None or cost + more < known[0]:
                    following[end + 1] = (cost + more, (before, cell))
        layer = following
    found = layer.get(len(line) + 1)
    return _unlinked(found[1]) if found else None


def _choices(line: str, start: int, delimiter: str, quote: str) -> list[tuple[int, str, int]]:
    """List where the cell at a position may end, what it says then, and what that costs."""
    plain = line.find(delimiter, start)
    plain = len(line) if plain < 0 else plain
    if not line.startswith(quote, start):
        return [(plain, line[start:plain], 0)]
    found = [(plain, line[start:plain], LITERAL)]
    end = line.find(quote, start + 1)
    while end >= 0:
        if end + 1 == len(line) or line.startswith(delimiter, end + 1):
            inside = line[start + 1 : end]
            is_clean = quote not in inside.replace(quote * 2, "")
            cell = inside.replace(quote * 2, quote) if is_clean else inside
            found.append((end + 1, cell, 0 if is_clean else STRAY))
        end = line.find(quote, end + 1)
    return found


def _unlinked(cells: tuple) -> list[str]:
    found = []
    while cells:
        cells, cell = cells
        found.append(cell)
    return found[::-1]


def literal(line: str, dialect: Dialect) -> list[str]:
    """Read a line whose quotes make no sense, as well as it goes."""
    if dialect.delimiter is None:
        return [line]
    try:
        (row,) = csv.reader([line], delimiter=dialect.delimiter, quotechar=dialect.quote)
    except (csv.Error, ValueError):
        return line.split(dialect.delimiter)
    is_open = row and row[-1] and line.count(dialect.quote) % 2
    return line.split(dialect.delimiter) if is_open else row
