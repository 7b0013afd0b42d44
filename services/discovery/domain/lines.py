"""Cuts a stream of bytes into lines, holding no more than one line."""

from dataclasses import dataclass

from services.discovery.domain.encodings import (
    ALIGNMENT,
    EVIDENCE_BYTES,
    UTF_8,
    Encoding,
    detect,
)

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
    """As it is in the source, without NULs around."""
    encoding: Encoding = UTF_8


@dataclass(frozen=True, slots=True)
class OversizedLine:
    """A line that is too long to be held in memory: only its head is kept."""

    number: int
    byte_offset: int
    size: int
    limit: int
    head: bytes


class LineSplitter:
    """Cuts pieces of a source at newlines; how the pieces are cut makes no difference.

    NULs at the beginning and end of a line belong to no line: a hole takes no memory.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._limit = max_line_bytes
        self._encoding: Encoding | None = None
        self._uncut = b""
        """What there is too little of: to know the encoding, or of the last unit."""
        self._number = 1
        self._start = 0
        self._size = 0
        self._nuls = 0
        """After the line's ``size`` bytes; they belong to it if anything follows."""
        self._parts: list[bytes] = []
        self._head = b""

    def feed(self, piece: bytes) -> list[Line | OversizedLine]:
        """Take the next bytes of the source and return the lines that end in them."""
        data = self._uncut + piece if self._uncut else piece
        if self._encoding is None:
            data = self._begin(data)
        if self._encoding is None:
            self._uncut = data
            return []
        whole = len(data) - len(data) % self._encoding.width
        self._uncut = data[whole:]
        return self._cut(data[:whole], self._encoding)

    def finish(self) -> list[Line | OversizedLine]:
        """Return the last lines, if the source does not end with a newline."""
        lines: list[Line | OversizedLine] = []
        rest, self._uncut = self._uncut, b""
        if self._encoding is None:
            self._encoding = detect(rest)
            lines += self._cut(rest, self._encoding)
        else:
            # NULs fill the end of a file by blocks or bytes, not by its characters.
            self._append(rest if rest.strip(b"\0") else b"", self._encoding)
        return [*lines, self._close(self._encoding, is_ended=False)] if self._size else lines

    def _begin(self, data: bytes) -> bytes:
        """Find out the encoding, if there is enough to tell; NULs before that are passed."""
        nuls = len(data) - len(data.lstrip(b"\0"))
        nuls -= nuls % ALIGNMENT
        self._start += nuls
        rest = data[nuls:]
        if len(rest) >= EVIDENCE_BYTES:
            self._encoding = detect(rest)
        return rest

    def _cut(self, data: bytes, encoding: Encoding) -> list[Line | OversizedLine]:
        lines: list[Line | OversizedLine] = []
        position = 0
        while (end := encoding.find_newline(data, position)) >= 0:
            self._append(data[position:end], encoding)
            lines.append(self._close(encoding, is_ended=True))
            position = end + encoding.width
        self._append(data[position:], encoding)
        return lines

    def _append(self, part: bytes, encoding: Encoding) -> None:
        if not self._size and part[:1] == b"\0":
            leading = encoding.leading_nuls(part)
            self._start += leading
            part = part[leading:]
        trailing = encoding.trailing_nuls(part) if part[-1:] == b"\0" else 0
        if trailing == len(part):
            self._nuls += trailing
            return
        if self._nuls:
            self._parts.append(bytes(min(self._nuls, self._limit + 1)))
            self._size += self._nuls
        body = part[: len(part) - trailing]
        self._size += len(body)
        self._parts.append(body)
        self._nuls = trailing
        if self._size > self._limit and not self._head:
            self._head = b"".join(self._parts)[: min(HEAD_BYTES, self._limit)]
        if self._head:
            self._parts.clear()

    def _close(self, encoding: Encoding, *, is_ended: bool) -> Line | OversizedLine:
        line: Line | OversizedLine
        if self._head:
            line = OversizedLine(self._number, self._start, self._size, self._limit, self._head)
        else:
            line = Line(self._number, self._start, b"".join(self._parts), encoding)
        self._number += 1
        self._start += self._size + self._nuls + encoding.width * is_ended
        self._size, self._nuls, self._head = 0, 0, b""
        self._parts.clear()
        return line
