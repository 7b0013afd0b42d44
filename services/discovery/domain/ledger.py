"""The accounts of sources and batches: seen = mapped + dead + in flight, always."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.discovery.domain.sources import SourceStat, display_name

Status = Literal["incomplete", "reading", "dispatched", "completed", "failed"]
STATUSES: tuple[Status, ...] = ("incomplete", "reading", "dispatched", "completed", "failed")


@dataclass(frozen=True, slots=True)
class BatchAccount:
    """What became of one batch.

    Its batch may be known from its commit or from a dead letter before discovery notes that it was
    published: until then, it is taken to have as many records as were heard of.
    """

    records: int = 0
    mapped: int = 0
    dead: int = 0
    is_recorded: bool = False
    is_closed: bool = False
    """Whether it was committed, or dead-lettered as a whole."""

    @property
    def in_flight(self) -> int:
        """Records of which nothing was heard yet."""
        return self.records - self.mapped - self.dead

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to come: an empty batch must have been committed, too."""
        return self.is_recorded and self.in_flight == 0 and (self.records > 0 or self.is_closed)

    def record(self, records: int) -> "BatchAccount":
        """Note how many records were published."""
        return replace(self, records=max(records, self.mapped + self.dead), is_recorded=True)

    def commit(self, mapped: int) -> "BatchAccount":
        """Note how many records are in the store; one that was dead before is dead no more."""
        records = self.records if self.is_recorded else max(self.records, mapped + self.dead)
        mapped = min(mapped, records)
        dead = min(self.dead, records - mapped)
        return replace(self, records=records, mapped=mapped, dead=dead, is_closed=True)

    def bury(self, dead: int) -> "BatchAccount":
        """Note that records were dead-lettered."""
        total = self.mapped + self.dead + dead
        records = self.records if self.is_recorded else max(self.records, total)
        buried = min(self.dead + dead, records - self.mapped)
        return replace(self, records=records, dead=buried, is_closed=self.is_closed or dead == 0)


@dataclass(frozen=True, slots=True)
class Commit:
    """One batch of which the store says how many records it holds."""

    batch_id: str
    source_id: str
    source_version: int
    records: int


@dataclass(frozen=True, slots=True)
class Death:
    """Records that were dead-lettered; ``batch_id`` is None for a line that never was one."""

    key: str
    """Unique over all stages."""
    source_id: str
    source_version: int
    batch_id: str | None
    records: int


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """The ledger's row of a source."""

    collection: str
    source_id: str
    filename: str
    path: str
    size: int
    mtime_ns: int
    status: Status
    source_version: int
    """0 until the source was complete for the first time."""
    fingerprint: str | None
    seen: int
    mapped: int
    dead: int
    is_read: bool
    """Whether this version was read to its end, so that all its batches are known."""
    is_announced: bool
    """Whether its completion or failure was told to the outside."""
    reason: str | None
    discovered_at: datetime
    completed_at: datetime | None
    """When this version was completed."""

    @property
    def signature(self) -> tuple[int, int]:
        """Size and time of modification at the last look."""
        return self.size, self.mtime_ns

    @property
    def in_flight(self) -> int:
        """Records that are neither mapped nor dead."""
        return self.seen - self.mapped - self.dead


@dataclass(frozen=True, slots=True)
class Totals:
    """A collection's ledger in one line."""

    sources: dict[Status, int]
    seen: int
    mapped: int
    dead: int
    in_flight: int


def needs_look(known: SourceRecord | None, stat: SourceStat) -> bool:
    """Decide whether a listed source has to be opened.

    A source that failed is tried at every look: a lifted permission changes neither its size nor
    its time.
    """
    if known is None or known.signature != stat.signature:
        return True
    if known.path != display_name(stat.path):
        return True
    return known.status in ("reading", "failed")


def is_same_content(known: SourceRecord | None, fingerprint: str) -> bool:
    """Decide whether a content was already read to its end."""
    return known is not None and known.is_read and known.fingerprint == fingerprint
