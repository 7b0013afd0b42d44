"""The two ways to write a list of sources: as CSV with a header, or as JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KNOWN = (
    "name", "url", "format", "active", "every_hours", "text_columns", "context_columns", "notes",
)  # fmt: skip
OTHER_NAMES = {
    "source_url": "url", "enabled": "active", "is_active": "active", "hours": "every_hours",
    "note": "notes",
}  # fmt: skip
LISTS = ("text_columns", "context_columns")
DELIMITERS = ",;\t"
BETWEEN = "|"
"""Columns in a cell of CSV."""
MOST_ROWS = 1000
LONGEST_CELL = 1 << 16
MOST_IGNORED = 20
FORMS = (
    "a list of sources is CSV with a header (name,url,...), or JSON: an array of objects, or "
    '{"sources": [...]}'
)


class ListError(Exception):
    """It is no list of sources; says why. Nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, as it was written."""

    number: int
    values: Mapping[str, Any]
    """By the names of ``KNOWN``; what is empty is left out."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A list, as it was written."""

    rows: Sequence[Row]
    ignored: Sequence[str]
    """Names that mean nothing here."""


def read_list(text: str) -> Rows:
    """Read a list of sources.

    Raises:
        ListError: It is none, or too long.
    """
    plain = text.removeprefix("\ufeff").strip()
    found = _json(plain) if plain[:1] in ("[", "{") else _csv(plain)
    ignored = dict.fromkeys(name for values in found for name in values if name not in KNOWN)
    rows = [
        Row(number, {name: one for name, one in values.items() if name in KNOWN})
        for number, values in enumerate(found, 1)
    ]
    if not rows:
        raise ListError("it lists no source: nothing is changed by an empty list")
    if len(rows) > MOST_ROWS:
        raise ListError(f"it lists {len(rows):,} sources, more than {MOST_ROWS:,}: divide it")
    return Rows(rows, list(ignored)[:MOST_IGNORED])


def _name(written: str) -> str:
    name = "_".join(written.strip().lower().replace("-", " ").replace("_", " ").split())
    return OTHER_NAMES.get(name, name)


def _json(text: str) -> list[dict[str, Any]]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ListError(f"it is no JSON: {error}; {FORMS}") from error
    if isinstance(told, dict):
        told = told.get("sources")
    if not isinstance(told, list):
        raise ListError(FORMS)
    return [
        {_name(name): value for name, value in one.items() if value not in (None, "")}
        if isinstance(one, dict)
        else {"name": str(one)[:100]}
        for one in told
    ]


def _csv(text: str) -> list[dict[str, Any]]:
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    if any(len(line) > LONGEST_CELL for line in text.splitlines()):
        raise ListError(f"it has a line of more than {LONGEST_CELL:,} characters; {FORMS}")
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ListError(f"it is no CSV: {error}; {FORMS}") from error
    names = [_name(one) for one in lines[0]] if lines else []
    if "name" not in names or "url" not in names:
        raise ListError(f"its first line does not name the columns name and url; {FORMS}")
    if twice := [one for one in names if one in KNOWN and names.count(one) > 1]:
        raise ListError(f"its first line names the column {twice[0]} twice")
    return [_row(names, cells) for cells in lines[1:] if any(one.strip() for one in cells)]


def _row(names: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, cell in zip(names, cells, strict=False):
        if not (value := cell.strip()):
            continue
        parts = (one.strip() for one in value.split(BETWEEN))
        found[name] = [one for one in parts if one] if name in LISTS else value
    return found
