"""How a version of a source grows: what is appended is read alone, and counted on.

What was read before ends at a mark. A content that begins with it adds a segment behind, with
batches of its own; all that identifies the earlier ones stays as it is.
"""

import json
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

BEYOND = 2**63
"""More than any iteration."""
Run = tuple[int, int, int]
"""First iteration, how many follow each other, and how many records each of them has."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many records each iteration has: as runs, since most logs count their iterations up."""

    runs: tuple[Run, ...] = ()
    """By their first iteration; no iteration is in two of them."""

    def of(self, iteration: int) -> int:
        """Return how many records an iteration has."""
        at = bisect_right(self.runs, (iteration, BEYOND, 0)) - 1
        first, length, count = self.runs[at] if at >= 0 else (0, 0, 0)
        return count if first <= iteration < first + length else 0

    def plus(self, added: Mapping[int, int]) -> "Counts":
        """Count further records, as many of each iteration as are given."""
        new = [(iteration, 1, 0) for iteration in added if not self.of(iteration)]
        ordered = sorted(added)
        parts = [
            part for run in sorted((*self.runs, *new)) for part in _split(run, added, ordered)
        ]
        return Counts(tuple(_joined(parts)))


NONE = Counts()


@dataclass(frozen=True, slots=True)
class ContentHash:
    """The SHA-256 of a source's bytes, in hex."""

    whole: str
    begin: str | None = None
    """Of its first bytes, as many as it had before; None: it has not grown."""
    rest: str = ""
    """Of all that comes after these."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between two lines of a source, and what was counted before it."""

    lines: int = 0
    byte_offset: int = 0
    batches: int = 0
    counts: Counts = NONE

    def encode(self) -> bytes:
        """Write it down."""
        facts = [self.lines, self.byte_offset, self.batches, *self.counts.runs]
        return zlib.compress(json.dumps(facts).encode())

    @classmethod
    def decode(cls, data: bytes) -> "Mark":
        """Read what ``encode`` has written."""
        lines, byte_offset, batches, *runs = json.loads(zlib.decompress(data))
        return cls(lines, byte_offset, batches, Counts(tuple(tuple(run) for run in runs)))


BEGINNING = Mark()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a version that was found at once: its first content, or what came to it."""

    number: int
    """How often the version had grown before."""
    size: int
    """Where it ends; it begins where the one before ends."""
    fingerprint: str
    """Of all bytes up to its end."""
    digest: str
    """Of its own bytes."""
    found_at: datetime
    """When it was found: whenever it is read, that is when its records arrived."""


def _split(run: Run, added: Mapping[int, int], ordered: list[int]) -> Iterator[Run]:
    """Take those out of a run that get more, with what they have then."""
    first, length, count = run
    begin = bisect_right(ordered, first - 1)
    for iteration in ordered[begin : bisect_right(ordered, first + length - 1)]:
        if iteration > first:
            yield first, iteration - first, count
        yield iteration, 1, count + added[iteration]
        first, length = iteration + 1, length - (iteration + 1 - first)
    if length:
        yield first, length, count


def _joined(parts: Iterable[Run]) -> list[Run]:
    """Join those that follow each other and have as many records."""
    joined: list[Run] = []
    for first, length, count in parts:
        before = joined[-1] if joined else (0, 0, 0)
        if before[1] and (before[0] + before[1], before[2]) == (first, count):
            joined[-1] = before[0], before[1] + length, count
        else:
            joined.append((first, length, count))
    return joined
