"""When a file that is found under one name is the source that was mapped under another."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto

from services.discovery.domain.ledger import SourceRecord, is_coming, is_leaving
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import SourceStat

PARKED = "/"
"""What a filename ends with that no file can have."""


class MoveVerdict(Enum):
    """What is to be done when a file may have been moved."""

    MOVE = auto()
    """What is mapped of it goes over to the new name."""
    WAIT = auto()
    """Something of it is on its way, or leaves: it is decided on when that is over."""
    FORGET = auto()
    """It was not mapped to its end, so that its rows are no whole: they go before it is read."""


@dataclass(frozen=True, slots=True)
class Move:
    """A move that was noted: what was mapped under one name is going over to another."""

    before: SourceRecord
    """The source under the name before; it has no records by its present version."""
    to: SourceRecord


def judge(before: SourceRecord) -> MoveVerdict:
    """Say what is to be done with a source whose file has another name now."""
    is_replayed = before.status == "dispatched" and before.was_completed
    if is_coming(before) or is_replayed or before.is_forgotten:
        return MoveVerdict.WAIT
    is_whole = before.completed_at is not None and before.is_read and not before.shown_version
    return MoveVerdict.MOVE if is_whole else MoveVerdict.FORGET


def by_likelihood(rows: Iterable[SourceRecord], stat: SourceStat) -> list[SourceRecord]:
    """Order the sources that a file may have been: first those that had its inode.

    What is being forgotten comes last of these: mostly, it was found under another name since.
    """
    return sorted(rows, key=lambda row: (row.inode != stat.inode, row.is_forgotten, row.filename))


def may_begin(row: SourceRecord, stat: SourceStat) -> bool:
    """Tell whether a file may be a source and more: it is the same file, and longer.

    The same content under another inode is a moved file, too (it went by another file system, or
    is back from a copy); a longer one is another file that begins alike.
    """
    size = row.content_size or 0
    return bool(stat.inode) and row.inode == stat.inode and 0 < size < stat.size


def is_content_of(row: SourceRecord, content: ContentHash) -> bool:
    """Tell whether a content is the one that is mapped, or begins with it."""
    return row.fingerprint is not None and row.fingerprint in (content.whole, content.begin)


def may_take_over(known: SourceRecord | None) -> bool:
    """Tell whether a name can get the rows of another one now: nothing of its own is coming."""
    if known is None:
        return True
    return not (is_coming(known) or is_leaving(known))


def is_parked(row: SourceRecord | SourceStat) -> bool:
    """Tell whether this is no file's name, but keeps rows while their files exchange names."""
    return row.filename.endswith(PARKED)


def parking_place(row: SourceRecord, stat: SourceStat) -> SourceStat:
    """Return the name that keeps what is mapped of a source until its file's name is free.

    Args:
        row: The source.
        stat: The file that has its name now.
    """
    return replace(
        stat,
        filename=f"{row.filename}{PARKED}",
        size=row.content_size or 0,
        mtime_ns=row.mtime_ns,
        ctime_ns=row.ctime_ns or 0,
        inode=row.inode or 0,
    )
