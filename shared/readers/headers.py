"""Where the names of the columns stand, and what they are.

Rows before the first one that is filled across the table are notes. A header is words above
values: a row that has words where most others have numbers or dates belongs to it, a row that has
values there does not. Where no column holds values, the first row that is filled across names the
columns, since nothing tells it from a record.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

from shared.readers.shapes import Shape, shape_of

VALUES: Final = ("number", "date")
MOST_VALUES: Final = 0.7
MOST_HEADER_ROWS: Final = 5
LONG_NAME: Final = 60
FIRST_YEAR, LAST_YEAR = 1800, 2200
Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Header:
    """What names the columns of a table."""

    rows: tuple[int, ...]
    """Places in the rows that were looked at; none: nothing does."""
    begin: int
    """Where the records begin."""
    why: str
    is_certain: bool = True


def find_header(rows: Sequence[Cells], width: int) -> Header:
    """Find the rows that name the columns among the first ones of a table.

    Args:
        rows: From the first on; blank ones, too.
        width: How many columns the table has.
    """
    shapes = [[shape_of(cell) for cell in row[:width]] for row in rows]
    filled = [sum(one != "empty" for one in row) for row in shapes]
    wide = _first_wide(filled, width)
    if wide is None:
        return Header((), 0, "no row is filled")
    typed = _typed_columns(shapes, wide, width)
    if not typed:
        why = "it is the first that is filled across; no column of numbers or dates tells more"
        return Header((wide,), wide + 1, why, is_certain=not _is_odd(rows, wide))
    has_years = _counts_up(rows[wide], shapes[wide], typed)
    begin = _begin(shapes, filled, wide + has_years, typed)
    found = _upwards(filled, wide, begin, width)
    if not found:
        return Header((), begin, f"row {wide + 1} has values where the others have them, too")
    return Header(found, begin, "words stand there above columns of numbers or dates")


def _first_wide(filled: Sequence[int], width: int) -> int | None:
    some = [count for count in filled if count]
    if not some:
        return None
    body = some[min(len(some) // 3, 10) :]
    needed = 1 if width == 1 else max(2, median(body) / 2)
    wide = (place for place, count in enumerate(filled) if count >= needed)
    return next(wide, next(place for place, count in enumerate(filled) if count))


def _typed_columns(shapes: Sequence[Sequence[Shape]], wide: int, width: int) -> frozenset[int]:
    """Return the columns that hold numbers or dates in most rows of the body."""
    body = [row for row in shapes[wide + 1 :] if any(one != "empty" for one in row)]
    body = body[min(len(body) // 3, MOST_HEADER_ROWS) :]
    found = set()
    for column in range(width):
        counts = Counter(row[column] for row in body if column < len(row))
        values = sum(counts[one] for one in VALUES)
        if values and values >= MOST_VALUES * (values + counts["word"] + counts["text"]):
            found.add(column)
    return frozenset(found)


def _is_odd(rows: Sequence[Cells], wide: int) -> bool:
    """Tell whether a row rather looks like a record than like names."""
    names = [plain(cell) for cell in rows[wide] if cell.strip()]
    if len(set(names)) < len(names) or any(len(one) > LONG_NAME for one in names):
        return True
    below = rows[wide + 1 :]
    return any(
        cell.strip() and any(row[column : column + 1] == [cell] for row in below)
        for column, cell in enumerate(rows[wide])
    )


def _begin(
    shapes: Sequence[Sequence[Shape]], filled: Sequence[int], wide: int, typed: frozenset[int]
) -> int:
    """Return where the records begin: after the rows with words where values belong."""
    place = wide
    while place < len(shapes) and place - wide < MOST_HEADER_ROWS:
        if filled[place] and not _names(shapes[place], typed, is_first=place == wide):
            return place
        place += 1
    return wide + 1


def _names(row: Sequence[Shape], typed: frozenset[int], *, is_first: bool) -> bool:
    """Tell whether a row rather names columns than fills them.

    One below the first does so only if no value stands in it, and words stand in half of the
    columns of values, or nowhere else.
    """
    there = [row[column] for column in typed if column < len(row)]
    values = sum(one in VALUES for one in there)
    words = sum(one in ("word", "text") for one in there)
    if is_first:
        return not values or words > values
    others = sum(one != "empty" for column, one in enumerate(row) if column not in typed)
    return words > 0 and not values and (2 * words >= len(typed) or not others)


def _counts_up(cells: Cells, shapes: Sequence[Shape], typed: frozenset[int]) -> bool:
    """Tell whether a row names years: words or nothing first, then one year after the other."""
    places = [place for place in sorted(typed) if place < len(shapes)]
    years = [cells[place].strip() for place in places if shapes[place] != "empty"]
    if len(years) < 2 or shapes[0] in VALUES or not all(map(str.isdecimal, years)):  # noqa: PLR2004
        return False
    numbers = [int(one) for one in years]
    steps = {after - before for before, after in pairwise(numbers)}
    return (
        len(steps) == 1
        and steps < {1, -1} | {5, 10}
        and all(FIRST_YEAR <= one <= LAST_YEAR for one in numbers)
    )


def _upwards(filled: Sequence[int], wide: int, begin: int, width: int) -> tuple[int, ...]:
    """Return the header's rows: up to the records, and what stands on top without a gap."""
    top = wide
    while top > 0 and filled[top - 1] > 1 and width > 2:  # noqa: PLR2004
        top -= 1
    if begin == wide and top == wide:
        return ()
    return tuple(place for place in range(top, begin) if filled[place])[-MOST_HEADER_ROWS:]


def column_names(
    header: Sequence[Cells], numbers: Sequence[int], width: int, first_column: int = 0
) -> tuple[str, ...]:
    """Name every column, each by another name.

    Args:
        header: The rows that name them; a name may stand over several columns.
        numbers: Of these rows.
        width: How many columns there are.
        first_column: The place of the first one in its sheet.
    """
    filled = _spread([[plain(one) for one in row] + [""] * width for row in header], width)
    names: list[str] = []
    taken: set[str] = set()
    for column in range(width):
        parts = [row[column] for row in filled if row[column]]
        name = " / ".join(dict.fromkeys(parts)) or f"column {column + 1}"
        if name in taken:
            name = f"{name} ({letters(first_column + column)}{numbers[-1] if numbers else 1})"
        while name in taken:
            name += "'"
        taken.add(name)
        names.append(name)
    return tuple(names)


def _spread(rows: list[list[str]], width: int) -> list[list[str]]:
    """Let a name go on to the right while names stand under it, and none begins above it."""
    for place, row in enumerate(rows[:-1]):
        under = rows[place + 1 :]
        for column in range(1, width):
            begins = any(
                above[column] for above in rows[:place] if above[column] != above[column - 1]
            )
            if not row[column] and not begins and any(one[column] for one in under):
                row[column] = row[column - 1]
    return rows


def plain(cell: str) -> str:
    """Return a name in one line."""
    return " ".join(cell.split())


def letters(column: int) -> str:
    """Return what a spreadsheet calls a column; the first is 0."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(ord("A") + rest) + name
    return name
