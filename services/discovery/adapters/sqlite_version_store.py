"""Which version of a source is being read, how it is cut, and how far that came."""

from collections.abc import Sequence
from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change
from services.discovery.adapters.sqlite_settling import SettlingRows
from services.discovery.domain.cut_rules import CutRules
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.segments import BEGINNING, ContentHash, Mark, Segment
from services.discovery.domain.sources import SourceStat, StoredSource, source_id
from services.discovery.domain.versions import BegunVersion, continuation


class VersionRows(SettlingRows):
    """The methods of the ledger about reading; each is one durable transaction."""

    @change
    def begin_version(
        self, stat: SourceStat, content: ContentHash, rules: CutRules, now: datetime
    ) -> BegunVersion:
        """See StateStore."""
        known = self._put_stat(stat, now, is_checked=True)
        what = continuation(known, content, rules)
        if what == "other":
            first = Segment(0, stat.size, content.whole, content.whole, now)
            return self._begin(known, first, rules)
        if what == "grown":
            self._grow(known, stat.size, content, now)
        self._execute(
            "UPDATE sources SET status = 'reading', is_announced = 0, reason = NULL"
            " WHERE source_id = ? AND NOT is_read",
            known.source_id,
        )
        start, segments = self._unread(known.source_id)
        return BegunVersion(known.source_version, known.rules or rules, start, segments)

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
            "UPDATE sources SET status = iif(source_version, 'reading', status), is_read = 0"
            " WHERE source_id = ? AND status IN ('reading', 'dispatched', 'failed')"
            " AND completed_at IS NULL AND replays = 0 AND NOT is_forgotten"
            " RETURNING source_id",
            source_id,
        )
        if changed:
            self._execute(
                "UPDATE segments SET is_read = 0 WHERE source_id = ? AND NOT is_settled",
                source_id,
            )
        return bool(changed)

    @change
    def read_again(
        self, collection: str, sources: Sequence[StoredSource], now: datetime
    ) -> list[str]:
        """Have sources read again by the next look, as versions above those that are stored.

        What the ledger does not know, or only in an older version, it takes over as it is stored:
        so no version number ever means two contents.

        Returns:
            The filenames of those that are forgotten: these are not read again.
        """
        forgotten = []
        for one in sources:
            key = source_id(collection, one.filename)
            known = self._select("WHERE source_id = ?", key)
            if known and known[0].is_forgotten:
                forgotten.append(one.filename)
                continue
            if one.rows and (not known or known[0].source_version < one.version):
                self._take_over(key, collection, one, now)
            self._execute("UPDATE sources SET fingerprint = NULL WHERE source_id = ?", key)
        return forgotten

    def _take_over(self, key: str, collection: str, one: StoredSource, now: datetime) -> None:
        self._forget_batches(key)
        self._execute(
            "INSERT INTO sources (source_id, collection, filename, path, size, mtime_ns, status,"
            " discovered_at) VALUES (?1, ?2, ?3, ?3, 0, 0, 'incomplete', ?4)"
            " ON CONFLICT (source_id) DO NOTHING",
            key,
            collection,
            one.filename,
            now.isoformat(),
        )
        self._execute(
            "UPDATE sources SET status = 'completed', source_version = ?1, seen = ?3, mapped = ?3,"
            " dead = 0, dropped = 0, replays = 0, staged = 0, is_showing = 0, is_read = 1,"
            " is_announced = 1, reason = NULL, why_incomplete = NULL, incomplete_since = NULL,"
            " completed_at = ?2 WHERE source_id = ?4",
            one.version,
            now.isoformat(),
            one.rows,
            key,
        )

    def _begin(self, known: SourceRecord, first: Segment, rules: CutRules) -> BegunVersion:
        if known.source_version:
            self._forget_batches(known.source_id)
        self._execute(
            "UPDATE sources SET status = 'reading', source_version = source_version + 1,"
            " fingerprint = ?, content_size = ?, rules = ?, seen = 0, mapped = 0, dead = 0,"
            " is_read = 0, dropped = 0, replays = 0, staged = 0, is_showing = 0,"
            " is_announced = 0, reason = NULL, completed_at = NULL, is_forgotten = 0"
            " WHERE source_id = ?",
            first.fingerprint,
            first.size,
            rules.spell(),
            known.source_id,
        )
        self._put_segment(known.source_id, first)
        return BegunVersion(known.source_version + 1, rules, BEGINNING, (first,))

    def _grow(self, known: SourceRecord, size: int, content: ContentHash, now: datetime) -> None:
        rows = self._rows("SELECT max(number) FROM segments WHERE source_id = ?", known.source_id)
        grown = Segment(rows[0][0] + 1, size, content.whole, content.rest, now)
        self._put_segment(known.source_id, grown)
        self._execute(
            "UPDATE sources SET fingerprint = ?, content_size = ?, is_read = 0,"
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
