"""Which character separates the cells of a file, and how many cells most of its records have.

Each candidate reads the beginning of the file. The best one gives the same number of cells in most
records, and cells that look like something: `1,5;2,5` is two numbers, not `1`, `5;2` and `5`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.readers.lines import Numbered
from shared.readers.parts import Warnings
from shared.readers.quotes import Dialect
from shared.readers.records import Records
from shared.readers.shapes import shape_of

CANDIDATES: Final = (",", ";", "\t", "|", "^", "~", "\x1f", "§", ":", " ")
NAMES: Final = {
    "\t": "tab", " ": "space", ",": "comma", ";": "semicolon", "|": "vertical bar",
    ":": "colon", "^": "caret", "~": "tilde", "\x1f": "unit separator", "§": "section sign",
}  # fmt: skip
SAMPLE_RECORDS: Final = 400
SAMPLE_LINE: Final = 64 << 10
SAMPLE_TEXT: Final = 512 << 10
RARE: Final = frozenset(":~^§ ")
"""Characters that text has, too: only where nearly all records agree, and tear no quotes."""
AGREEING: Final = 0.95
RAGGED: Final = 0.05
"""Where more records than this and than one are longer, the table is as wide as the longest."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file's records look to one dialect."""

    dialect: Dialect
    width: int
    share: float
    """Of the records, those with so many cells."""
    score: float
    longest: int = 0

    @property
    def name(self) -> str:
        """The delimiter in words."""
        return delimiter_name(self.dialect.delimiter)


def delimiter_name(delimiter: str | None) -> str:
    """Return a delimiter in words."""
    return "none" if delimiter is None else NAMES.get(delimiter, repr(delimiter))


def find_shape(lines: Sequence[Numbered], told: str | None = None) -> Shape:
    """Find out how the cells of a file are told apart.

    Args:
        lines: The first of the file.
        told: The delimiter, if a person has said it.
    """
    lines = _shortened(lines)
    text = "".join(line for _, line in lines)
    candidates = [told] if told else [one for one in CANDIDATES if one in text]
    shapes = [_shape(lines, _dialect(text, one)) for one in candidates]
    lone = _shape(lines, _dialect(text, None))
    best = max(shapes, key=lambda one: one.score, default=lone)
    is_better = best.width > 1 and best.share > _lone_share(lines, best)
    return best if told or is_better else lone


def _shortened(lines: Sequence[Numbered]) -> list[Numbered]:
    """Take no more than tells enough: each candidate looks at all of it."""
    found: list[Numbered] = []
    size = 0
    for number, line in lines:
        found.append((number, line[:SAMPLE_LINE]))
        size += min(len(line), SAMPLE_LINE)
        if size > SAMPLE_TEXT:
            break
    return found


def _lone_share(lines: Sequence[Numbered], shape: Shape) -> float:
    """Return in which share of the lines that are not blank the delimiter does not occur."""
    filled = [line for _, line in lines if line.strip()]
    delimiter = shape.dialect.delimiter or "\0"
    without = sum(delimiter not in line for line in filled)
    return without / len(filled) if filled else 0


def _dialect(text: str, delimiter: str | None) -> Dialect:
    """Find out by which quotes and how cells are quoted, if they are separated so."""
    sides = re.escape(delimiter) if delimiter else r"(?!)"
    end = rf"(?=[\r\n]|\Z|{sides})"
    counts = {
        one: len(re.findall(rf"(?:^|{sides}) ?{one}[^{one}\n]*{one}{end}", text, re.MULTILINE))
        for one in ('"', "'")
    }
    quote = "'" if counts["'"] > 2 and counts["'"] > 5 * counts['"'] else '"'  # noqa: PLR2004
    inside = rf"(?<![\\{quote}])\\{quote}(?!{quote}|[\r\n]|\Z|{sides})"
    twice = rf"(?<=[^\s{quote}]){quote}{quote}(?=[^\s{quote}])"
    escaped = len(re.findall(inside, text, re.MULTILINE))
    backslash = escaped > 0 and escaped >= len(re.findall(twice, text))
    spaced = bool(delimiter) and len(re.findall(rf"{sides} +{quote}", text)) > len(
        re.findall(rf"{sides}{quote}", text)
    )
    return Dialect(delimiter, quote, backslash, spaced=spaced and delimiter != " ")


def _shape(lines: Sequence[Numbered], dialect: Dialect) -> Shape:
    found: list[list[str]] = []
    for record in Records(lines, dialect, None, Warnings()):
        if any(cell.strip() for cell in record.cells):
            found.append(record.cells)
        if len(found) >= SAMPLE_RECORDS:
            break
    if not found:
        return Shape(dialect, 1, 0, 0, 1)
    counts = Counter(map(len, found))
    width = _width(counts)
    share = counts[width] / len(found)
    longest = _longest(counts, width, len(found))
    torn = sum(any(cell.count(dialect.quote) % 2 for cell in cells) for cells in found)
    is_doubtful = share < AGREEING or width == 2 or 2 * torn > len(found)  # noqa: PLR2004
    is_chance = dialect.delimiter in RARE and is_doubtful
    if width == 1 or is_chance:
        return Shape(dialect, width, share, 0, longest)
    plain = _plainness([cells for cells in found if len(cells) == width], dialect)
    return Shape(dialect, width, share, share * plain * (1 - 1 / width), longest)


def _width(counts: Counter[int]) -> int:
    """Return how many cells most records have; of two, the larger."""
    wide = {width: count for width, count in counts.items() if width > 1}
    if not wide or counts[1] > sum(wide.values()):
        return 1
    return max(wide, key=lambda width: (wide[width], width))


def _longest(counts: Counter[int], width: int, records: int) -> int:
    longer = sum(count for one, count in counts.items() if one > width)
    return max(counts) if longer > max(RAGGED * records, 1) else width


def _plainness(rows: Sequence[Sequence[str]], dialect: Dialect) -> float:
    """Return which share of the cells looks like something, and holds no other delimiter."""
    others = "".join(one for one in ",;\t|" if one != dialect.delimiter)
    cells = [cell for row in rows[:100] for cell in row if cell.strip()]
    if not cells:
        return 0.5
    return sum(_weight(cell, others) for cell in cells) / len(cells)


def _weight(cell: str, others: str) -> float:
    shape = shape_of(cell)
    if shape == "text":
        return 0.4 if any(one in cell for one in others) else 0.8
    return 1.0
