"""Which version of a source is being read, how it is cut, and how far that came."""

from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change
from services.discovery.adapters.sqlite_holding import REPLACES
from services.discovery.adapters.sqlite_renewal_rows import RenewalRows
from services.discovery.adapters.sqlite_settling import IS_BEING_MOVED, SettlingRows
from services.discovery.adapters.sqlite_taking_over import TakenOverRows
from services.discovery.adapters.sqlite_upload_rows import UploadedRows
from services.discovery.domain.cut_rules import CutRules
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.segments import BEGINNING, ContentHash, Mark, Segment
from services.discovery.domain.sources import SourceStat
from services.discovery.domain.uploads import is_uploaded
from services.discovery.domain.versions import BegunVersion, continuation
from services.discovery.ports import SourceChangedError
from shared.sqlite_state import sql


class VersionRows(SettlingRows, TakenOverRows, UploadedRows, RenewalRows):
    """The methods of the ledger about reading; each is one durable transaction."""

    @change
    def begin_version(
        self,
        stat: SourceStat,
        content: ContentHash,
        rules: CutRules,
        now: datetime,
        max_dead_share: float | None = None,
    ) -> BegunVersion:
        """See StateStore."""
        self._require_read(stat)
        known = self._put_stat(stat, now, is_checked=True)
        what = continuation(known, content, rules)
        if what == "other":
            first = Segment(0, stat.size, content.whole, content.whole, now)
            return self._begin(known, first, rules, max_dead_share)
        if what == "grown":
            self._grow(known, stat.size, content, now)
        self._execute(
            "UPDATE sources SET status = 'reading', is_announced = 0, reason = NULL"
            " WHERE source_id = ? AND NOT is_read",
            known.source_id,
        )
        start, segments = self._unread(known.source_id)
        share = known.max_dead_share
        number, cut = known.source_version, known.rules or rules
        renewal = self._renewal(known.source_id, number)
        return BegunVersion(number, cut, start, segments, share, *renewal)

    @change
    def finish_reading(
        self, source_id: str, version: int, end: Mark, now: datetime
    ) -> list[SourceRecord]:
        """See StateStore."""
        changed = self._rows(
            "UPDATE sources SET is_read = 1, status = 'dispatched', reason = NULL"
            " WHERE source_id = ? AND source_version = ? AND status = 'reading'"
            " RETURNING source_id",
            source_id,
            version,
        )
        if changed:
            self._execute(
                "UPDATE segments SET is_read = 1, mark = iif(size = ?2, ?3, mark)"
                " WHERE source_id = ?1 AND size <= ?2",
                source_id,
                end.byte_offset,
                end.encode(),
            )
        source = self._current(source_id, version)
        return self._settle([source_id], now) if source else []

    @change
    def requeue(self, source_id: str) -> bool:
        """See StateStore."""
        changed = self._rows(
            sql(
                "UPDATE sources SET status = iif(source_version, 'reading', status), is_read = 0,",
                "is_held = 0",
                "WHERE source_id = ? AND status IN ('reading', 'dispatched', 'failed')",
                "AND completed_at IS NULL AND replays = 0 AND NOT is_forgotten",
                "AND NOT",
                IS_BEING_MOVED,
                "RETURNING source_id",
            ),
            source_id,
        )
        if changed:
            self._execute(
                "UPDATE segments SET is_read = 0 WHERE source_id = ? AND NOT is_settled",
                source_id,
            )
        return bool(changed)

    def _require_read(self, stat: SourceStat) -> None:
        """Begin no version of an uploaded file that is not what is read of its source by now.

        Raises:
            SourceChangedError: Another one took its place since it was listed, or it went.
        """
        if is_uploaded(stat.path):
            read = self._read(stat.source_id)
            if not read or read[0].stat().inode != stat.inode:
                raise SourceChangedError(f"{stat.filename} has another content by now")

    def _begin(
        self, known: SourceRecord, first: Segment, rules: CutRules, max_dead_share: float | None
    ) -> BegunVersion:
        if known.source_version:
            self._forget_batches(known.source_id)
        version = self._above_taken_over(known) + 1
        self._execute(
            sql(
                "UPDATE sources SET replaces =",
                REPLACES,
                ", status = 'reading', source_version = ?, fingerprint = ?,",
                "content_size = ?, rules = ?, max_dead_share = ?, seen = 0, mapped = 0, dead = 0,",
                "is_read = 0, dropped = 0, replays = 0, staged = 0, is_showing = 0, is_held = 0,",
                "is_announced = 0, reason = NULL, completed_at = NULL, is_forgotten = 0,",
                "renewal = NULL, shown_version = NULL WHERE source_id = ?",
            ),
            version,
            first.fingerprint,
            first.size,
            rules.spell(),
            max_dead_share,
            known.source_id,
        )
        self._put_segment(known.source_id, first)
        self._begin_for_job(known, version)
        renewal = self._renewal(known.source_id, version)
        return BegunVersion(version, rules, BEGINNING, (first,), max_dead_share, *renewal)

    def _grow(self, known: SourceRecord, size: int, content: ContentHash, now: datetime) -> None:
        rows = self._rows("SELECT max(number) FROM segments WHERE source_id = ?", known.source_id)
        grown = Segment(rows[0][0] + 1, size, content.whole, content.rest, now)
        self._put_segment(known.source_id, grown)
        self._execute(
            "UPDATE sources SET fingerprint = ?, content_size = ?, is_read = 0, is_held = 0,"
            " completed_at = NULL WHERE source_id = ?",
            content.whole,
            size,
            known.source_id,
        )

    def _put_segment(self, source_id: str, segment: Segment) -> None:
        self._execute(
            "INSERT INTO segments (source_id, number, size, fingerprint, digest, found_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            source_id,
            segment.number,
            segment.size,
            segment.fingerprint,
            segment.digest,
            segment.found_at.isoformat(),
        )

    def _unread(self, source_id: str) -> tuple[Mark, tuple[Segment, ...]]:
        rows = self._rows(
            "SELECT number, size, fingerprint, digest, found_at FROM segments"
            " WHERE source_id = ? AND NOT is_read ORDER BY number",
            source_id,
        )
        marks = self._rows(
            "SELECT mark FROM segments WHERE source_id = ? AND is_read"
            " ORDER BY number DESC LIMIT 1",
            source_id,
        )
        start = Mark.decode(marks[0][0]) if rows and marks else BEGINNING
        return start, tuple(
            Segment(number, size, whole, rest, datetime.fromisoformat(found_at))
            for number, size, whole, rest, found_at in rows
        )
