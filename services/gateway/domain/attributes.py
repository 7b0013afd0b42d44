"""Values of records that a map can be coloured by: what kind they are, and how they are told."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["word", "number", "time"]
LONGEST_WORD = 200
PREFIX = "attributes."
"""Before the name of what a source says of a record beyond the columns."""


@dataclass(slots=True)
class Seen:
    """What was seen of one attribute."""

    records: int = 0
    numbers: int = 0
    words: set[str] = field(default_factory=set)

    def add(self, value: Any) -> None:
        """Count one value; null is none."""
        word = word_of(value)
        if word is None:
            return
        self.records += 1
        self.numbers += number_of(value) is not None
        self.words.add(word)

    @property
    def kind(self) -> Kind:
        """A number if all were; else a word, as which everything can be told."""
        return "number" if self.numbers == self.records else "word"


def word_of(value: Any) -> str | None:
    """Tell a value as a word: text as it is, all else as JSON has it."""
    if value is None:
        return None
    word = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return word[:LONGEST_WORD]


def number_of(value: Any) -> float | None:
    """Return a value as a number; nothing if it is none: true is a word."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


class Documents:
    """The attributes of many records; documents that repeat are read once."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._read: dict[str, Mapping[str, Any]] = {}

    def of(self, document: str | None) -> Mapping[str, Any]:
        """Return the attributes that a document holds; what is none holds none."""
        if not document:
            return {}
        known = self._read.get(document)
        if known is None:
            if len(self._read) >= self._most:
                self._read.clear()
            known = self._read[document] = _object(document)
        return known


def _object(document: str) -> Mapping[str, Any]:
    try:
        found = json.loads(document)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def seen_in(documents: Iterable[str | None], known: Documents) -> dict[str, Seen]:
    """Count the attributes of some records."""
    seen: dict[str, Seen] = {}
    for document in documents:
        for name, value in known.of(document).items():
            seen.setdefault(name, Seen()).add(value)
    return {name: one for name, one in seen.items() if one.records}
