"""The records of a delimited file: lines put together and taken apart at their quotes.

A quote that stands where none belongs takes one line at most: a record that goes on over a line's
end is believed only if it ends by the rules, and has as many cells as the others; else each of its
lines is read by itself.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from shared.readers.lines import Numbered, without_end
from shared.readers.parts import Warnings
from shared.readers.quotes import (
    Dialect,
    OpenQuoteError,
    StrayQuoteError,
    fitting,
    literal,
    strict,
)
from shared.readers.tables import Record

MOST_LINES: Final = 10_000
MOST_CHARACTERS: Final = 4 << 20
HOPELESS: Final = 10_000
STRAY: Final = "quotes stand where none belong; they are kept as they are"


class Records:
    """Puts the lines of a file together."""

    def __init__(
        self, lines: Iterable[Numbered], dialect: Dialect, width: int | None, warnings: Warnings
    ) -> None:
        """Take what to read.

        Args:
            lines: With their numbers.
            dialect: How cells are told apart.
            width: How many cells most records have; None: it is not known yet.
            warnings: Where what was mended is told.
        """
        self._lines = iter(lines)
        self._ahead: deque[Numbered] = deque()
        self._dialect = dialect
        self._width = width
        self._warnings = warnings
        self._mendings = 0
        """How many more records with stray quotes there were than others."""

    def __iter__(self) -> Iterator[Record]:
        """Read record after record; a blank line is one with a single empty cell."""
        while (first := self._next()) is not None:
            yield Record(first[0], self._cells(first))

    def _next(self) -> Numbered | None:
        return self._ahead.popleft() if self._ahead else next(self._lines, None)

    def _cells(self, first: Numbered) -> list[str]:
        number, line = first
        if self._mendings > HOPELESS:
            return self._without_quotes(number, without_end(line))
        text = self._dialect.prepared(without_end(line))
        try:
            cells = strict(text, self._dialect)
            self._mendings -= self._mendings > 0
        except OpenQuoteError:
            return self._over_lines(first, text)
        except StrayQuoteError:
            return self._mended(number, text)
        if self._is_odd(cells) and (better := self._fitting(text)) is not None:
            self._warnings.add("stray-quotes", STRAY, f"line {number}")
            return better
        return cells

    def _is_odd(self, cells: list[str]) -> bool:
        """Tell whether a quote has run over a delimiter: then the cells are too few."""
        if self._width is None or len(cells) >= self._width or not self._dialect.delimiter:
            return False
        over = self._dialect.quote + self._dialect.delimiter
        return any(over in cell for cell in cells)

    def _fitting(self, text: str) -> list[str] | None:
        return fitting(text, self._dialect, self._width) if self._width else None

    def _over_lines(self, first: Numbered, text: str) -> list[str]:
        """Go on over line ends while a quote is open, or take the first line by itself."""
        taken, whole = self._until_closed(first)
        if whole is not None and (self._width is None or len(whole) == self._width):
            return whole
        better = self._fitting(text)
        if better is None and whole is not None:
            return whole
        self._ahead.extendleft(reversed(taken))
        return self._mended(first[0], text, better)

    def _until_closed(self, first: Numbered) -> tuple[list[Numbered], list[str] | None]:
        taken: list[Numbered] = []
        parts, size = [first[1]], 0
        while len(taken) < MOST_LINES and size < MOST_CHARACTERS:
            following = self._next()
            if following is None:
                return taken, None
            taken.append(following)
            parts.append(following[1])
            size += len(following[1])
            if self._dialect.quote not in following[1]:
                continue
            try:
                text = self._dialect.prepared(without_end("".join(parts)))
                return taken, strict(text, self._dialect)
            except OpenQuoteError:
                continue
            except StrayQuoteError:
                return taken, None
        return taken, None

    def _without_quotes(self, number: int, line: str) -> list[str]:
        """Read a line of many with stray quotes: to look for what each means is slow."""
        if self._dialect.quote in line:
            self._warnings.add("stray-quotes", STRAY, f"line {number}")
        return line.split(self._dialect.delimiter) if self._dialect.delimiter else [line]

    def _mended(self, number: int, text: str, cells: list[str] | None = None) -> list[str]:
        self._mendings += 1
        self._warnings.add("stray-quotes", STRAY, f"line {number}")
        cells = cells or self._fitting(text)
        return literal(text, self._dialect) if cells is None else cells
