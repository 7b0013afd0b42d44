"""Cuts a stream of bytes into lines, holding no more than one line."""

from dataclasses import dataclass

HEAD_BYTES = 1 << 20
"""How much of an oversized line is kept for its dead letter."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line without its newline."""

    number: int
    """Counted from 1."""
    byte_offset: int
    """Where the line starts in the source."""
    data: bytes


@dataclass(frozen=True, slots=True)
class OversizedLine:
    """A line that is too long to be held in memory: only its head is kept."""

    number: int
    byte_offset: int
    size: int
    limit: int
    head: bytes


class LineSplitter:
    """Cuts pieces of a source at newlines; how the pieces are cut makes no difference."""

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._number = 1
        self._start = 0
        self._size = 0
        self._parts: list[bytes] = []
        self._head = b""

    def feed(self, piece: bytes) -> list[Line | OversizedLine]:
        """Take the next bytes of the source and return the lines that end in them."""
        lines: list[Line | OversizedLine] = []
        position = 0
        while (end := piece.find(b"\n", position)) >= 0:
            self._append(piece[position:end])
            lines.append(self._close(newline=1))
            position = end + 1
        self._append(piece[position:])
        return lines

    def finish(self) -> list[Line | OversizedLine]:
        """Return the last line, if the source does not end with a newline."""
        return [self._close(newline=0)] if self._size else []

    def _append(self, part: bytes) -> None:
        self._size += len(part)
        self._parts.append(part)
        if self._size > self._limit and not self._head:
            self._head = b"".join(self._parts)[: min(HEAD_BYTES, self._limit)]
        if self._head:
            self._parts.clear()

    def _close(self, *, newline: int) -> Line | OversizedLine:
        line: Line | OversizedLine
        if self._head:
            line = OversizedLine(self._number, self._start, self._size, self._limit, self._head)
        else:
            line = Line(self._number, self._start, b"".join(self._parts))
        self._number += 1
        self._start += self._size + newline
        self._size, self._head = 0, b""
        self._parts.clear()
        return line
