"""The accounts of sources: seen = staged + mapped + dead + in flight, always."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.discovery.domain.completeness import OUTSIDE, WhyIncomplete
from services.discovery.domain.cut_rules import CutRules
from services.discovery.domain.sources import SourceStat, batch_id, display_name

Renewal = Literal["wanted", "discarding"]
Status = Literal["incomplete", "reading", "dispatched", "completed", "failed", "forgotten"]
STATUSES: tuple[Status, ...] = (
    "incomplete",
    "reading",
    "dispatched",
    "completed",
    "failed",
    "forgotten",
)
GONE_KEY = "gone:"
"""The key of our own commands to forget begins so: about sources that are gone."""
FORGETS_KEPT = 16
"""Of those that were answered: as many commands may be delivered again after a crash."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One batch of which the store says how many records it holds."""

    batch_id: str
    source_id: str
    source_version: int
    records: int
    is_superseded: bool = False
    """Whether the store has a newer version of the source, and so none of these rows."""
    is_staged: bool = False
    """Whether the rows wait beside the store until their version is shown."""


@dataclass(frozen=True, slots=True)
class Death:
    """Records that were dead-lettered; ``batch_id`` is None for a line that never was one."""

    key: str
    """Unique over all stages."""
    source_id: str
    source_version: int
    batch_id: str | None
    records: int
    byte_offset: int | None = None
    """Of an unreadable part of a source: where it begins."""
    size: int = 0
    """How many bytes that part has."""
    spans: str = ""
    """What of it is unreadable, ``begin+size`` each; nothing: all of it."""
    is_of_record: bool = False
    """Whether it is about a record of a batch, not about the batch as a whole."""


@dataclass(frozen=True, slots=True)
class CommandRef:
    """A command about a source or its dead letters."""

    key: str
    """Of the message: when it is delivered again it has the same, any other has another."""
    correlation_id: str


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
    """Whether its completion, failure or forgetting was told to the outside."""
    reason: str | None
    discovered_at: datetime
    completed_at: datetime | None
    """When this version was completed or forgotten."""
    is_forgotten: bool = False
    """Whether this version has no records because somebody asked for that."""
    wishes: tuple[CommandRef, ...] = ()
    """The last commands to forget it; kept when a new content comes, to know them again."""
    dropped: int = 0
    """Of the dead: those that somebody gave up for good."""
    replays: int = 0
    """How many dead letters of this version were sent again, after it had been completed."""
    ctime_ns: int | None = None
    """When the file's data or facts last changed; None: a ledger without that noted it."""
    inode: int | None = None
    """Number of the file in its file system; None as above."""
    why_incomplete: WhyIncomplete | None = None
    """What the content lacked at the last look; an earlier version may be on the map."""
    incomplete_since: datetime | None = None
    """When it was first found to lack anything."""
    checked_at: datetime | None = None
    """When the content was last read to its end and compared."""
    gone_at: datetime | None = None
    """Since when the source is not there any more."""
    returned_at: datetime | None = None
    """When a source that was gone was last seen to be back."""
    same_as: str | None = None
    """Of one that is gone: the filename under which its file is read now."""
    is_presence_told: bool = True
    """Whether the outside was told that it went, or came back."""
    rules: CutRules | None = None
    """How this version is cut; None: a ledger without that began it."""
    content_size: int | None = None
    """Bytes that the fingerprint is of; None as above."""
    staged: int = 0
    """Records of this version that wait to be shown with the others of it."""
    is_showing: bool = False
    """Whether it was decided that this version is to be shown, and not told yet that it is."""
    max_dead_share: float | None = None
    """Of this version, how much may be dead for it to replace another one; None: all."""
    replaces: int = 0
    """How many records are on the map of the version that this one is to replace."""
    is_held: bool = False
    """Whether this version is held back, since too much of it died, replays included."""
    renewal: Renewal | None = None
    """Whether a job wants it read anew, or what came of that is put aside."""
    shown_version: int | None = None  # of which earlier version its rows are

    @property
    def is_forgotten_as_gone(self) -> bool:
        """Whether it was forgotten for no other reason than that it was gone."""
        return self.is_forgotten and all(one.key.startswith(GONE_KEY) for one in self.wishes)

    @property
    def was_completed(self) -> bool:
        """Whether this version was completed before, even if a replay is in flight now."""
        return self.completed_at is not None or (self.replays > 0 and not self.is_held)

    @property
    def empty_batch_id(self) -> str:
        """The id of the only batch of a version that is forgotten."""
        return batch_id(
            self.collection, self.source_id, self.source_version, self.fingerprint or "", 0
        )

    @property
    def showing_batch_id(self) -> str:
        """The id of the batch that shows this version; it stays so when the version grows."""
        return batch_id(self.collection, self.source_id, self.source_version, "", 0, "shows")

    @property
    def is_put_aside(self) -> bool:
        """Whether the version before goes unseen: this one has no content of its own."""
        is_empty = self.status == "failed" and self.fingerprint is None and self.source_version > 1
        return (self.renewal == "discarding" and not self.is_forgotten) or is_empty

    @property
    def is_all_dead(self) -> bool:
        """Whether all records died of a version that replaces another one."""
        is_dead = 0 < self.dead == self.seen and self.source_version > 1
        return is_dead and not (self.is_forgotten or self.was_completed)

    @property
    def discarding_batch_id(self) -> str:
        """The id of the only batch of a version by which the one before is put aside."""
        return batch_id(self.collection, self.source_id, self.source_version, "", 0, "discards")

    @property
    def moving_batch_id(self) -> str:
        """The id of the batch by which the rows of another name become this version."""
        return batch_id(self.collection, self.source_id, self.source_version, "", 0, "moves")

    @property
    def signature(self) -> tuple[int, int]:
        """Size and time of modification at the last look."""
        return self.size, self.mtime_ns

    @property
    def in_flight(self) -> int:
        """Records of which nothing was heard yet."""
        return self.seen - self.staged - self.mapped - self.dead


def needs_look(known: SourceRecord | None, stat: SourceStat) -> bool:
    """Decide whether a listed source has to be opened.

    A source that could not be read is tried at every look: a lifted permission changes neither
    its size nor its time. One that is being forgotten waits until that is over and told, so that
    no command to forget is overtaken by a new content.
    """
    if known is None:
        return True
    if is_leaving(known):
        return False
    has_failed = known.reason is not None and not known.is_held
    if known.status == "reading" or has_failed or _is_unclear(known):
        return True
    return not _is_untouched(known, stat)


def is_leaving(known: SourceRecord) -> bool:
    """Tell whether a source is being forgotten, and that is not over and told."""
    return known.is_forgotten and not known.is_announced


def is_coming(known: SourceRecord | None) -> bool:
    """Tell whether a version was read, and not heard of to its end yet: a newer content waits.

    So each version of a source ends that changes all the time. What is read again for being lost
    is not read to its end; if the source has another content by then, that takes its place.
    """
    if known is None or known.status != "dispatched" or not known.is_read:
        return False
    return not known.is_forgotten and not known.was_completed


def _is_unclear(known: SourceRecord) -> bool:
    """Tell whether something else than the file says what is to be done.

    So it is where an older ledger did not say why, where it lacks what the file does not show,
    where a job wants it read anew, and where it was forgotten for being gone.
    """
    is_unexplained = known.status == "incomplete" and known.why_incomplete is None
    return (
        is_unexplained
        or known.renewal == "wanted"
        or known.why_incomplete in OUTSIDE
        or (known.source_version > 0 and known.fingerprint is None)
    )


def _is_untouched(known: SourceRecord, stat: SourceStat) -> bool:
    if known.signature != stat.signature or known.path != display_name(stat.path):
        return False
    # Size and time can be set to what they were; what an older ledger did not keep is taken to be
    # the same, so that an upgrade has nothing read again.
    return known.inode is None or (known.ctime_ns, known.inode) == (stat.ctime_ns, stat.inode)


def lacks_facts(known: SourceRecord) -> bool:
    """Tell whether an older ledger noted a source, from before it kept what is asked of it now."""
    return known.inode is None or (known.is_read and known.checked_at is None)


def is_due(known: SourceRecord, checked_before: datetime) -> bool:
    """Decide whether a source's content is to be compared, though nothing says that it changed."""
    if not known.is_read or is_leaving(known) or is_coming(known):
        return False
    return known.checked_at is None or known.checked_at < checked_before


def is_same_content(known: SourceRecord | None, fingerprint: str) -> bool:
    """Decide whether a content was already read to its end, and is not wanted once more."""
    is_wanted = known is not None and known.renewal == "wanted"
    is_known = known is not None and known.is_read and known.fingerprint == fingerprint
    return is_known and not is_wanted


def forgotten_for(known: SourceRecord, ref: CommandRef) -> SourceRecord:
    """Return what a source becomes by a command to forget it: its next version, without records.

    If it is forgotten already, only the command is added. One that was fulfilled before changes
    nothing: it is delivered again, and the source may have a new content by now.
    """
    if ref in known.wishes:
        return known
    if known.is_forgotten:
        kept = known.wishes[1 - FORGETS_KEPT :] if known.is_announced else known.wishes
        return replace(known, wishes=(*kept, ref))
    return replace(
        known,
        status="dispatched",
        source_version=known.source_version + 1,
        seen=0,
        mapped=0,
        dead=0,
        is_read=True,
        is_announced=False,
        completed_at=None,
        is_forgotten=True,
        wishes=(ref,),
        dropped=0,
        replays=0,
        staged=0,
        is_showing=False,
        is_held=False,
        renewal=None,
        shown_version=None,
    )
