"""Searching by words: what a query means, and the piece of a text that shows why it was found."""

import re

from services.gateway.domain.runs import ROW

MOST_WORDS = 12
_WORD = re.compile(r'"([^"]+)"|(\S+)')
AROUND = 90
"""Characters to each side of the first match."""
MOST_MARKS = 12


FEWEST_CELLS = 2
_CELL = re.compile(r"[^:\n]{1,80}: (?P<value>.*)")
_TELLING = re.compile(r"(?!\w+://)(?=.*[^\W\d_]{2})")
"""A cell that says something: neither a number, nor a time, nor an address."""


def parse_words(query: str) -> tuple[str, ...]:
    """Return the words of a query, each once; what stands in double quotes is one.

    A quotation mark that is never closed is part of its word. More than ``MOST_WORDS`` are left
    out: a text that has so many of them has the others, too, or nearly.
    """
    found = [" ".join((phrase or word).split()) for phrase, word in _WORD.findall(query)]
    words = {one.casefold(): one for one in reversed(found) if one}
    return tuple(reversed(words.values()))[:MOST_WORDS]


def excerpt(text: str, words: tuple[str, ...], most: int) -> list[str]:
    """Return a piece of a text; every second part of it is a match, the first is not.

    Without words, or where none of them is, it is the beginning. The parts joined are the piece
    itself, with an ellipsis where something was left out.
    """
    marks = _marks(text, words)
    start = max(0, marks[0][0] - AROUND) if marks else 0
    if start < AROUND // 2:
        start = 0
    end = min(len(text), start + most)
    parts: list[str] = []
    place = start
    for first, last in marks[:MOST_MARKS]:
        if last > end:
            break
        parts += [text[place:first], text[first:last]]
        place = last
    parts.append(text[place:end])
    parts[0] = ("…" if start > 0 else "") + parts[0]
    parts[-1] += "…" if end < len(text) else ""
    return parts


def told_text(text: str, kind: str) -> str:
    """Return what tells a record from others at a glance: its text, or what its cells say.

    A row of a table whose columns all make the text begins with whatever columns come first. Of
    such a row, cells of several words go before those of one; what is no word is left out, unless
    there is nothing else.
    """
    cells = [_CELL.fullmatch(line) for line in text.split("\n")] if kind == ROW else []
    values = [cell["value"].strip() for cell in cells if cell is not None]
    if len(values) < max(FEWEST_CELLS, len(cells)):
        return text
    telling = [value for value in values if _TELLING.match(value)]
    return " · ".join(sorted(telling, key=lambda value: " " not in value) or values)


def beginning(text: str, most: int) -> str:
    """Return the beginning of a text, with an ellipsis where it goes on."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _marks(text: str, words: tuple[str, ...]) -> list[tuple[int, int]]:
    """List where words stand, in order, none over another."""
    if not words:
        return []
    longest_first = sorted(words, key=len, reverse=True)
    pattern = "|".join(re.escape(one) for one in longest_first)
    return [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]
