"""Cuts a source's records into batches, holding no more than one batch."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from services.discovery.domain.records import Record


@dataclass(frozen=True, slots=True)
class Limits:
    """How much goes into one batch."""

    max_records: int
    max_text_bytes: int
    """Of all texts together, in UTF-8."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The records of one batch."""

    index: int
    records: tuple[Record, ...]
    is_last: bool


class Cutter:
    """Collects records and hands them out batch by batch.

    A batch is handed out when the next record does not fit any more, so the last one is known to
    be the last. A source without records has one empty batch.
    """

    def __init__(self, limits: Limits, index: int = 0) -> None:
        self._limits = limits
        self.index = index
        """Of the next batch."""
        self._pending: list[Record] = []
        self._bytes = 0

    def add(self, record: Record) -> Cut | None:
        """Take a record and return the batch that it no longer fits into, if any."""
        record, size = shorten(record, self._limits.max_text_bytes)
        is_full = len(self._pending) >= self._limits.max_records
        is_full = is_full or self._bytes + size > self._limits.max_text_bytes
        done = self._take(is_last=False) if self._pending and is_full else None
        self._pending.append(record)
        self._bytes += size
        return done

    def finish(self) -> Cut:
        """Return the last batch."""
        return self._take(is_last=True)

    def _take(self, *, is_last: bool) -> Cut:
        cut = Cut(self.index, tuple(self._pending), is_last)
        self.index += 1
        self._pending.clear()
        self._bytes = 0
        return cut


def cut_batches(records: Iterable[Record], limits: Limits) -> Iterator[Cut]:
    """Cut records into batches, in order."""
    cutter = Cutter(limits)
    for record in records:
        if (cut := cutter.add(record)) is not None:
            yield cut
    yield cutter.finish()


def shorten(record: Record, max_bytes: int) -> tuple[Record, int]:
    """Cut a longer text at a character's boundary and flag it; return the text's bytes too."""
    if record.text.isascii() and len(record.text) <= max_bytes:
        return record, len(record.text)
    data = record.text.encode()
    if len(data) <= max_bytes:
        return record, len(data)
    text = data[:max_bytes].decode("utf-8", "ignore")
    return replace(record, text=text, truncated=True), len(text.encode())
