r"""Reads the JSON values of a line: usually one object, sometimes several, sometimes garbage.

Decided here: a value that is no object is bad; what follows the first damage of a line is one bad
entry, and the objects before it count; bytes that are no UTF-8 are read as U+FFFD if the line
parses with them; after a hundred values of a line that are no objects its rest is one bad entry;
raw control characters in strings (NUL too) are bad, as JSON says; NaN and Infinity are taken; a
byte order mark is dropped at the start of any line, since files get concatenated. NULs between two
values are passed over like space, and an object after them is read even if what was before them is
damaged: a file has them where it has a hole, or where a disk lost what was written.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from services.discovery.domain.encodings import BOM, SPACE
from services.discovery.domain.entries import BadLine
from services.discovery.domain.lines import Line, OversizedLine

Decode = Callable[[bytes], Any]
"""A strict JSON parser; where it refuses a line, the tolerant one here is asked."""

BOM_BYTES = BOM.encode()
MAX_BAD_VALUES = 100
FAST_BYTES = 4 << 20
"""Fast parsers take a dozen times the bytes of a line: a longer one is left to the frugal one."""
_TOLERANT = json.JSONDecoder()
_SPACE = re.compile(f"[{SPACE}]*")
_HOLE = re.compile(r"(?<![ \t\r\n\0])[ \t\r\n]*+\0[ \t\r\n\0]*+(?=\{)")


@dataclass(frozen=True, slots=True)
class JsonObject:
    """One JSON object of a line."""

    line: int
    position: int
    """Which value of the line it is, from 0."""
    byte_offset: int
    value: dict[str, Any]
    data: bytes
    """The bytes that it was read from."""

    def refuse(self, reason: str) -> BadLine:
        """Say why no record can be made of it."""
        size = len(self.data)
        return BadLine(self.line, self.position, self.byte_offset, reason, self.data, size)


def parse_line(
    line: Line | OversizedLine, decode: Decode = json.loads
) -> Iterator[JsonObject | BadLine]:
    """Read the values of a line in order, one at a time; a blank line has none."""
    if isinstance(line, OversizedLine):
        reason = f"line of {line.size} bytes exceeds the limit of {line.limit}"
        yield BadLine(line.number, 0, line.byte_offset, reason, line.head, line.size)
        return
    if line.encoding.is_wide or len(line.data) > FAST_BYTES:
        yield from _parse_tolerantly(line)
        return
    start = line.byte_offset
    data = line.data
    if data.startswith(BOM_BYTES):
        data, start = data[len(BOM_BYTES) :], start + len(BOM_BYTES)
    if not data.strip():
        return
    try:
        value = decode(data)
    except (ValueError, RecursionError):
        yield from _parse_tolerantly(line)
        return
    start += len(data) - len(data.lstrip())
    yield _judge(line, _Place(0, start, data.strip()), value)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands in its line."""

    position: int
    byte_offset: int
    data: bytes


def _parse_tolerantly(line: Line) -> Iterator[JsonObject | BadLine]:
    encoding, text = line.encoding, line.encoding.decode(line.data)
    position, number, bad = int(text.startswith(BOM)), 0, 0
    at = encoding.size_of(text[:position])
    while True:
        begin = _skip_space(text, position)
        at += encoding.size_of(text[position:begin])
        if at >= len(line.data):
            return
        value, position, problem = _next_value(text, begin, bad)
        size = encoding.size_of(text[begin:position])
        is_rest = problem and position == len(text)
        data = line.data[at:] if is_rest else line.data[at : at + size]
        place = _Place(number, line.byte_offset + at, data)
        found = _refuse(line, place, problem) if problem else _judge(line, place, value)
        yield found
        bad += isinstance(found, BadLine)
        number += 1
        at += len(data)


def _next_value(text: str, begin: int, bad: int) -> tuple[Any, int, str]:
    """Read a value; returns it, where it ends, and why there is none."""
    is_last = bad == MAX_BAD_VALUES
    try:
        if is_last:
            raise ValueError(f"{bad} values before it are no objects")
        if begin == len(text):
            raise ValueError("a character is cut off")
        return *_TOLERANT.raw_decode(text, begin), ""
    except (ValueError, RecursionError) as error:
        hole = None if is_last else _HOLE.search(text, begin)
        return None, hole.start() if hole else len(text), f"not JSON: {_explain(error)}"


def _judge(line: Line, place: _Place, value: Any) -> JsonObject | BadLine:
    if isinstance(value, dict):
        return JsonObject(line.number, place.position, place.byte_offset, value, place.data)
    return _refuse(line, place, f"a JSON {_kind(value)}, not an object")


def _refuse(line: Line, place: _Place, reason: str) -> BadLine:
    size = len(place.data)
    return BadLine(line.number, place.position, place.byte_offset, reason, place.data, size)


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "value")
