"""Gathers the unreadable parts of a source into runs, when there are too many to tell of each.

A file of rubbish has a letter for each of its first bad lines, so that each can be looked at, and
then one for each run of them. Where good lines come between, again and again, a run goes on over
them and knows its spans. So the letters of a version are bounded, and its bad lines are not.
"""

from dataclasses import dataclass, field

from services.discovery.domain.entries import BadLine

ONE_BY_ONE = 1000
"""So many bad parts of a version have a letter each, and so many runs end at a good line."""
ALL_VERSIONS = 10_000
"""Beyond this many over all versions of a source, a version has fewer: a file that is written
anew for ever must not push out the letters of others."""
FEWEST = 10
MOST_SPANS = 500
MOST_PARTS = 100_000
MOST_BYTES = 64 << 20
"""A run is read again as a whole, so it is bounded."""
SAMPLE_BYTES = 16 << 10

Span = tuple[int, int]
"""Where something begins in its source, and how many bytes it has."""


@dataclass(frozen=True, slots=True)
class BadRun:
    """Unreadable parts of a source that are told of together."""

    line: int
    """The first; counted from 1."""
    last_line: int
    byte_offset: int
    size: int
    """Bytes from the begin of the first part to the end of the last."""
    parts: int
    spans: tuple[Span, ...]
    """What of it is unreadable, in order."""
    reason: str
    data: bytes
    """The first bytes of its parts, a line each."""


@dataclass(slots=True)
class _Open:
    first: BadLine
    last_line: int
    end: int
    parts: int = 0
    spans: list[Span] = field(default_factory=list)
    sample: bytearray = field(default_factory=bytearray)

    def fits(self, part: BadLine, *, is_adjacent: bool) -> bool:
        size = part.byte_offset + part.size - self.first.byte_offset
        has_room = is_adjacent or len(self.spans) < MOST_SPANS
        return has_room and self.parts < MOST_PARTS and size <= MOST_BYTES

    def add(self, part: BadLine, *, is_adjacent: bool) -> None:
        self.last_line, self.end = part.line, part.byte_offset + part.size
        self.parts += 1
        if is_adjacent:
            begin, _ = self.spans.pop()
            self.spans.append((begin, self.end - begin))
        else:
            self.spans.append((part.byte_offset, part.size))
        if (room := SAMPLE_BYTES - len(self.sample)) > 0:
            self.sample += part.data[:room] + b"\n"

    def close(self) -> BadLine | BadRun:
        first = self.first
        if self.parts == 1:
            return first
        reason = f"{self.parts:,} parts that are no records, the first: {first.reason}"
        size = self.end - first.byte_offset
        return BadRun(
            first.line,
            self.last_line,
            first.byte_offset,
            size,
            self.parts,
            tuple(self.spans),
            reason,
            bytes(self.sample),
        )


class Gatherer:
    """Tells of the bad parts of one version of a source, in file order."""

    def __init__(self, version: int = 1) -> None:
        self._most = allowance(ONE_BY_ONE, version)
        self._told = 0
        self._runs = 0
        self._open: _Open | None = None
        self._is_adjacent = False

    def bad(self, part: BadLine) -> BadLine | BadRun | None:
        """Take a bad part; return what is to be told now."""
        if self._told < self._most:
            self._told += 1
            return part
        closed = None
        if self._open is not None and not self._open.fits(part, is_adjacent=self._is_adjacent):
            closed = self.finish()
        if self._open is None:
            self._open = _Open(part, part.line, part.byte_offset)
        self._open.add(part, is_adjacent=self._is_adjacent)
        self._is_adjacent = True
        return closed

    def good(self) -> BadLine | BadRun | None:
        """Note that something readable comes between; return a run that ends by that."""
        self._is_adjacent = False
        return self.finish() if self._runs < self._most else None

    def finish(self) -> BadLine | BadRun | None:
        """Return the run that is being gathered."""
        if self._open is None:
            return None
        closed, self._open = self._open.close(), None
        self._is_adjacent = False
        self._runs += 1
        return closed


def allowance(most: int, version: int) -> int:
    """Return how much of something a version of a source may have: later ones have less.

    Their sum grows with the logarithm of the number of versions.
    """
    return min(
        most, max(most * FEWEST // ONE_BY_ONE, most * ALL_VERSIONS // ONE_BY_ONE // version)
    )
