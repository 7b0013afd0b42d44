r"""Reads the JSON values of a line: usually one object, sometimes several, sometimes garbage.

Decided here: a value that is no object is bad; what follows the first damage of a line is one bad
entry, and the objects before it count; bytes that are no UTF-8 are read as U+FFFD if the line
parses with them; after a hundred values of a line that are no objects its rest is one bad entry;
raw control characters in strings (NUL too) are bad, as JSON says; NaN and Infinity are taken; a
byte order mark is dropped at the start of any line, since files get concatenated.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from services.discovery.domain.lines import Line, OversizedLine

Decode = Callable[[bytes], Any]
"""A strict JSON parser; where it refuses a line, the tolerant one here is asked."""

BOM = b"\xef\xbb\xbf"
SPACE = " \t\r\n"
MAX_BAD_VALUES = 100
FAST_BYTES = 4 << 20
"""Fast parsers take a dozen times the bytes of a line: a longer one is left to the frugal one."""
_TOLERANT = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Entry:
    """One JSON object of a line."""

    line: int
    position: int
    """Which value of the line it is, from 0."""
    byte_offset: int
    value: dict[str, Any]
    data: bytes
    """The bytes that it was read from."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A part of a line that no record could be made of, with the reason."""

    line: int
    position: int
    byte_offset: int
    reason: str
    data: bytes
    """Its bytes; of a line that is too long, the first ones."""
    size: int
    """How many bytes it has in the source."""


def parse_line(
    line: Line | OversizedLine, decode: Decode = json.loads
) -> Iterator[Entry | BadLine]:
    """Read the values of a line in order, one at a time; a blank line has none."""
    if isinstance(line, OversizedLine):
        reason = f"line of {line.size} bytes exceeds the limit of {line.limit}"
        yield BadLine(line.number, 0, line.byte_offset, reason, line.head, line.size)
        return
    start = line.byte_offset
    data = line.data
    if data.startswith(BOM):
        data, start = data[len(BOM) :], start + len(BOM)
    if not data.strip():
        return
    if len(data) > FAST_BYTES:
        yield from _parse_tolerantly(line, data, start)
        return
    try:
        value = decode(data)
    except (ValueError, RecursionError):
        yield from _parse_tolerantly(line, data, start)
        return
    start += len(data) - len(data.lstrip())
    yield _judge(Line(line.number, start, data.strip()), 0, value)


def _parse_tolerantly(line: Line, data: bytes, start: int) -> Iterator[Entry | BadLine]:
    text = data.decode("utf-8", "surrogateescape")
    offset, position, number, bad = start, 0, 0, 0
    while True:
        begin = _skip_space(text, position)
        offset += begin - position
        if begin == len(text):
            return
        try:
            if bad == MAX_BAD_VALUES:
                raise ValueError(f"{bad} values before it are no objects")
            value, position = _TOLERANT.raw_decode(text, begin)
        except (ValueError, RecursionError) as error:
            reason = f"not JSON: {_explain(error)}"
            rest = _encode(text[begin:])
            yield BadLine(line.number, number, offset, reason, rest, len(rest))
            return
        source = _encode(text[begin:position])
        found = _judge(Line(line.number, offset, source), number, value)
        yield found
        bad += isinstance(found, BadLine)
        number += 1
        offset += len(source)


def _encode(text: str) -> bytes:
    # surrogateescape keeps one character per odd byte, so the very same bytes come back.
    return text.encode("utf-8", "surrogateescape")


def _judge(line: Line, position: int, value: Any) -> Entry | BadLine:
    if isinstance(value, dict):
        return Entry(line.number, position, line.byte_offset, value, line.data)
    reason = f"a JSON {_kind(value)}, not an object"
    return BadLine(line.number, position, line.byte_offset, reason, line.data, len(line.data))


def _skip_space(text: str, position: int) -> int:
    while position < len(text) and text[position] in SPACE:
        position += 1
    return position


def _explain(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return kinds.get(type(value), "value")
