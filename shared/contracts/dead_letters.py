"""What is kept of a record, a line or a message that could not be mapped."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MAX_BODY = 7 << 20
"""Of the original bytes at most this many are kept: every message that the bus takes fits."""

SPANS = re.compile(r"[0-9]{1,18}\+[0-9]{1,18}( [0-9]{1,18}\+[0-9]{1,18})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """The original bytes and where they come from.

    ``key`` is unique among the dead letters of a stage and the same for every repetition, so that
    a dead letter is counted once.
    """

    key: str
    stage: str
    collection: str
    reason: str
    body: bytes
    records: int = 1
    """How many records are lost with it."""
    attempts: int = 1
    filename: str | None = None
    line: int | None = None
    last_line: int | None = None
    """Of a run of lines: the last of them."""
    byte_offset: int | None = None
    record_id: str | None = None
    source_id: str | None = None
    source_version: int | None = None
    batch_id: str | None = None
    size: int | None = None
    """How many bytes it had at its origin, if those are more than the body has."""
    spans: tuple[tuple[int, int], ...] = ()
    """Of a run: where in its source each unreadable stretch begins, and its bytes; none if it is
    one stretch."""
    subject: str | None = None
    """Of a whole message: where it was read."""

    @property
    def original_bytes(self) -> int:
        """How many bytes it had at its origin; the body may hold only the first of them."""
        return self.size or len(self.body)

    @property
    def is_cut(self) -> bool:
        """Whether the body holds only the first bytes."""
        return self.original_bytes > len(self.body)


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter and its place on the bus."""

    sequence: int
    stored_at: datetime
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class LetterPage:
    """Some of the letters, oldest first."""

    letters: Sequence[StoredLetter]
    total: int | None
    """How many letters fit in all, those before and after the page included; None: that cannot be
    told without a look at every letter."""
    next_after: int | None = None
    """The sequence after which the next page begins; None: this is the last. A page of few letters
    of one source may have less than was asked for, or none, and still be followed by another."""


def spell_spans(spans: Sequence[tuple[int, int]]) -> str:
    """Write spans as text: ``40+9 60+12``."""
    return " ".join(f"{begin}+{size}" for begin, size in spans)


def parse_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Read what ``spell_spans`` wrote; anything else is none."""
    if not SPANS.fullmatch(text):
        return ()
    pairs = (span.split("+") for span in text.split(" "))
    return tuple((int(begin), int(size)) for begin, size in pairs)
