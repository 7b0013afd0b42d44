"""What of a text are words: letters of any script, and nothing that only its notation has."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

WORD = r"\b[^\W\d_][^\W\d]{2,29}\b"
"""From three to thirty letters, with underscores between them: names in code are words, too."""
NOTATION = re.compile(
    r"```[\w+-]*"  # a fence and its language
    r"|\w+://\S+"  # an address
    r"|</?[A-Za-z][^<>]{0,200}>"  # a tag
    r"|\b(?:application|text|image)/[\w.+-]+"  # a media type
    r"|\"[^\"\\\n]{1,60}\"\s*:"  # the name of a field
    r"|(?<=\w)\.[a-z0-9]{1,4}\b(?!\.)"  # what the name of a file ends with
    r"|\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)"  # an escape
)
VALUE = "(?:true|false|null|none|nan|undefined)"
LITERAL = re.compile(
    rf"(?<=[:,\[({{=\s]){VALUE}(?=\s*(?:[,\])}};]|$))|(?m:^{VALUE}$)", re.IGNORECASE
)
"""A value that has no quotes, where values stand, or by itself on a line."""


CELL = re.compile(r"^([^:\n]{1,80}): (.*)$", re.MULTILINE)
FEWEST_FIELDS = 2
"""Where so many lines, and most of all, begin with the name of a field, it is a row of a table."""
SAME_SHARE = 0.8
"""A column with one value in so many of its rows says nothing of a row."""
FEWEST_ROWS = 10
"""Of fewer nothing is said."""
Cell = tuple[str, str, str]
"""The first column of its table, by which that is known, its own column, and its value."""


def cells_of(begun: str) -> list[Cell]:
    """Return the cells of a row of a table; none of a text that is no row."""
    found = CELL.findall(begun)
    if len(found) < FEWEST_FIELDS or 2 * len(found) <= begun.count("\n") + 1:
        return []
    return [(found[0][0], column, value) for column, value in found]


def same_cells(texts: Iterable[str]) -> frozenset[Cell]:
    """Return the cells that nearly all rows of a table have alike: they tell none from another.

    Args:
        texts: The texts of a map, as far as they are looked at.
    """
    cells = Counter[Cell]()
    rows = Counter[tuple[str, str]]()
    for text in texts:
        found = set(cells_of(text))
        cells.update(found)
        rows.update({one[:2] for one in found})
    return frozenset(
        one
        for one, count in cells.items()
        if rows[one[:2]] >= FEWEST_ROWS and count >= SAME_SHARE * rows[one[:2]]
    )


def plain(text: str, most: int, same: frozenset[Cell] = frozenset()) -> str:
    """Return the beginning of a text in small letters, without what its notation has.

    Of a row of a table that includes the names of its columns, which every row has, and what
    nearly every row has in them.

    Args:
        text: The text.
        most: So many characters of it.
        same: Cells that nearly all rows have alike.
    """
    begun = text[:most]
    if cells := cells_of(begun):
        table = cells[0][0]
        begun = CELL.sub(lambda one: "" if (table, one[1], one[2]) in same else one[2], begun)
    whole = unicodedata.normalize("NFC", begun).lower()
    return LITERAL.sub(" ", NOTATION.sub(" ", whole))


def is_form_of(word: str, other: str) -> bool:
    """Tell whether two words are forms of one: they begin alike, three letters in four."""
    least = max(4, -(-3 * min(len(word), len(other)) // 4))
    return word[:least] == other[:least]


def script_of(word: str) -> str:
    """Name the script of a word by its first letter: latin, cyrillic and so on."""
    return unicodedata.name(word[0], "unknown").partition(" ")[0].lower()
