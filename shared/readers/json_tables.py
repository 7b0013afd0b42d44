"""Reads JSON: an object a line, or a document with a list of them; each is a record.

The columns are the fields of all objects, in the order in which they come first. A text is a cell
as it is, an object or list is written as JSON.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from shared.readers.cells import plain_json
from shared.readers.encodings import Encoding, find_encoding
from shared.readers.errors import UnreadableFileError
from shared.readers.lines import lines_of, warn_of
from shared.readers.parts import BadRow, Fact, Part, Recognised, Row, Table, Warnings
from shared.readers.told import Told

MANY: Final = 200
RARE: Final = 0.05
MOST_FIELDS: Final = 100_000
LARGEST_DOCUMENT: Final = 64 << 20
SHOWN: Final = 1000
REST: Final = "other fields"


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a line: an object, or why it is none."""

    number: int
    text: str
    value: dict[str, Any] | None
    reason: str = ""


def read_json(file: BinaryIO, why: str, told: Told) -> Iterator[Part]:
    """Read the objects of a file, twice: first for their fields.

    Raises:
        UnreadableFileError: It holds no objects.
    """
    encoding = find_encoding(file, told.encoding)
    warnings = Warnings()
    warn_of(encoding, warnings)
    document = document_of(file, encoding, warnings)
    names, count, has_rest = _columns(objects_of(file, encoding, document, Warnings()))
    if not names and not has_rest:
        raise UnreadableFileError(
            f"none of its {count} lines is an object of JSON",
            "give a file with an object a line, or a list of objects",
        )
    kind = "a list of objects" if document is not None else "an object a line"
    yield Recognised(
        "jsonl", f"{why}, and holds {kind}", (Fact("encoding", encoding.codec, encoding.why),)
    )
    yield Table((*names, REST) if has_rest else names)
    for one in objects_of(file, encoding, document, warnings):
        yield _part(one, names, has_rest=has_rest)
    if has_rest:
        text = f"there are more than {MANY} fields; those that are rare are in a column together"
        warnings.add("many-fields", text)
    yield from warnings.parts()


def _columns(objects: Iterator[Found]) -> tuple[tuple[str, ...], int, bool]:
    """Return the fields that are columns, how many lines there are, and whether fields are left.

    Where there are many, those are left that only a few objects have.
    """
    fields: dict[str, int] = {}
    count = 0
    for one in objects:
        count += 1
        for name in one.value or ():
            if name in fields or len(fields) < MOST_FIELDS:
                fields[name] = fields.get(name, 0) + 1
    if len(fields) <= MANY:
        return tuple(fields), count, False
    kept = tuple(name for name, times in fields.items() if times >= RARE * count)
    return kept, count, True


class Loader:
    """Loads JSON, and counts the objects that name a field twice: the last one is what counts."""

    def __init__(self, warnings: Warnings) -> None:
        """Take what is told of them."""
        self._warnings = warnings
        self._twice = 0
        self._load = json.JSONDecoder(object_pairs_hook=self._object).decode

    def load(self, text: str, place: str | None = None) -> Any:
        """Load a text.

        Raises:
            ValueError: It is no JSON.
            RecursionError: It is nested too deeply.
        """
        self._twice = 0
        value = self._load(text)
        if self._twice:
            told = "objects name a field twice; the last value of each is taken"
            self._warnings.add("twice", told, place, count=self._twice)
        return value

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        self._twice += len(value) < len(pairs)
        return value


def document_of(file: BinaryIO, encoding: Encoding, warnings: Warnings) -> Any | None:
    """Read a file as one document of JSON; None: it is none, or a line is enough for that."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(encoding.skip)
    if size > LARGEST_DOCUMENT:
        return None
    text = file.read().decode(encoding.codec, "replace")
    first, _, rest = text.strip().partition("\n")
    if rest and _is_object(first):
        return None
    try:
        return Loader(warnings).load(text)
    except (ValueError, RecursionError):
        return None


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def objects_of(
    file: BinaryIO, encoding: Encoding, document: Any | None, warnings: Warnings
) -> Iterator[Found]:
    """Find the objects of a file; lines that are none, too."""
    if document is None:
        load = Loader(warnings).load
        for number, line in lines_of(file, encoding, warnings):
            if line.strip():
                yield _found(number, line.strip(), load)
        return
    entries = document if isinstance(document, list) else [document]
    for number, entry in enumerate(entries, 1):
        if isinstance(entry, dict):
            yield Found(number, "", entry)
        else:
            yield Found(number, plain_json(entry), None, "it is no object")


def _found(number: int, line: str, load: Callable[[str, str], Any]) -> Found:
    try:
        value = load(line, f"line {number}")
    except ValueError as error:
        return Found(number, line, None, f"it is no JSON: {error}")
    except RecursionError:
        return Found(number, line, None, "it is nested too deeply")
    if isinstance(value, dict):
        return Found(number, line, value)
    return Found(number, line, None, "it is JSON, but no object")


def _part(one: Found, names: tuple[str, ...], *, has_rest: bool) -> Row | BadRow:
    if one.value is None:
        return BadRow(one.number, one.reason, one.text[:SHOWN])
    cells = [written(one.value.get(name)) for name in names]
    if has_rest:
        known = set(names)
        rest = {name: value for name, value in one.value.items() if name not in known}
        cells.append(plain_json(rest) if rest else "")
    return Row(one.number, tuple(cells))


def written(value: Any) -> str:
    """Write a value of JSON as a cell."""
    if value is None:
        return ""
    return value if isinstance(value, str) else plain_json(value)
