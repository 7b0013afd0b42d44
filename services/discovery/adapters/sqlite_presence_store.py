"""What of the sources is there, in the ledger's file."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.sources import SourceStat, display_name
from shared.sqlite_state import sql

MINE = "gone_at IS NOT NULL AND NOT is_forgotten"
UNREMARKABLE = """
SELECT source_id FROM json_each(?1) AS found CROSS JOIN sources ON source_id = found.value ->> 0
WHERE sources.path = found.value ->> 1
    AND size = found.value ->> 2 AND mtime_ns = found.value ->> 3
    AND ctime_ns = found.value ->> 4 AND inode = found.value ->> 5
    AND status IN ('dispatched', 'completed', 'forgotten') AND reason IS NULL
    AND why_incomplete IS NULL AND gone_at IS NULL AND fingerprint IS NOT NULL
    AND renewal IS NOT 'wanted' AND is_read AND checked_at >= ?2
    AND (is_announced OR NOT is_forgotten)
"""
"""What is wanting in a row, NULLs among it, makes it remarkable.

CROSS JOIN keeps the order: else every source is compared with every one that was found."""


class PresenceRows(LedgerRows):
    """Keeps what was seen of the files beside the accounts of their records."""

    @reads
    def incomplete(self, collection: str, most: int) -> list[SourceRecord]:
        """See PresenceStore."""
        return self._select(
            "WHERE why_incomplete IS NOT NULL AND collection = ? ORDER BY filename LIMIT ?",
            collection,
            most,
        )

    @reads
    def count_incomplete(self, collection: str) -> int:
        """See PresenceStore."""
        rows = self._rows(
            "SELECT count(*) FROM sources WHERE why_incomplete IS NOT NULL AND collection = ?",
            collection,
        )
        return int(rows[0][0])

    @reads
    def gone(self, collection: str, most: int) -> list[SourceRecord]:
        """See PresenceStore."""
        return self._select(
            f"WHERE {MINE} AND collection = ? ORDER BY filename LIMIT ?", collection, most
        )

    @reads
    def count_gone(self, collection: str) -> int:
        """See PresenceStore."""
        query = sql("SELECT count(*) FROM sources WHERE", MINE, "AND collection = ?")
        return int(self._rows(query, collection)[0][0])

    @reads
    def being_read(self, collection: str) -> list[SourceRecord]:
        """See PresenceStore."""
        where = "WHERE status = 'reading' AND collection = ? ORDER BY filename"
        return self._select(where, collection)

    @reads
    def there(self, collection: str, after: str, most: int) -> dict[str, tuple[str, str]]:
        """See PresenceStore."""
        rows = self._rows(
            "SELECT filename, source_id, path FROM sources WHERE collection = ? AND filename > ?"
            " AND is_read AND NOT is_forgotten AND gone_at IS NULL ORDER BY filename LIMIT ?",
            collection,
            after,
            most,
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    @reads
    def all_gone(self, collection: str) -> list[SourceRecord]:
        """See PresenceStore."""
        return self._select(f"WHERE {MINE} AND collection = ? ORDER BY filename", collection)

    @change
    def note_gone(self, same_as: Mapping[str, str | None], now: datetime) -> list[SourceRecord]:
        """See PresenceStore."""
        found: list[SourceRecord] = []
        for source_id, filename in same_as.items():
            changed = self._rows(
                "UPDATE sources SET gone_at = ?, returned_at = NULL, same_as = ?,"
                " is_presence_told = 0, why_incomplete = NULL, incomplete_since = NULL"
                " WHERE source_id = ? AND gone_at IS NULL AND source_version > 0"
                " RETURNING source_id",
                now.isoformat(),
                filename,
                source_id,
            )
            if changed:
                found += self._select("WHERE source_id = ?", source_id)
        return found

    @change
    def note_returned(self, source_ids: Sequence[str], now: datetime) -> list[SourceRecord]:
        """See PresenceStore."""
        found: list[SourceRecord] = []
        for source_id in source_ids:
            for row in self._select("WHERE source_id = ? AND gone_at IS NOT NULL", source_id):
                self._execute(
                    "UPDATE sources SET gone_at = NULL, returned_at = ?, same_as = NULL,"
                    " is_presence_told = 0, fingerprint = iif(?, NULL, fingerprint)"
                    " WHERE source_id = ?",
                    now.isoformat(),
                    row.is_forgotten_as_gone,
                    source_id,
                )
                found += self._select("WHERE source_id = ?", source_id)
        return found

    @reads
    def unremarkable(
        self, stats: Sequence[SourceStat], checked_since: datetime | None
    ) -> set[str]:
        """See PresenceStore."""
        found = [
            (
                stat.source_id,
                display_name(stat.path),
                stat.size,
                stat.mtime_ns,
                stat.ctime_ns,
                stat.inode,
            )
            for stat in stats
        ]
        since = checked_since.isoformat() if checked_since else ""
        return {row[0] for row in self._rows(UNREMARKABLE, json.dumps(found), since)}

    @change
    def note_facts(self, stats: Sequence[SourceStat], now: datetime) -> None:
        """See PresenceStore."""
        for stat in stats:
            self._execute(
                "UPDATE sources SET ctime_ns = ?, inode = ?, checked_at = coalesce(checked_at, ?)"
                " WHERE source_id = ?",
                stat.ctime_ns,
                stat.inode,
                now.isoformat(),
                stat.source_id,
            )

    @change
    def mark_presence_told(self, source_id: str, at: datetime) -> None:
        """See PresenceStore."""
        self._execute(
            "UPDATE sources SET is_presence_told = 1"
            " WHERE source_id = ?1 AND ?2 IN (gone_at, returned_at)",
            source_id,
            at.isoformat(),
        )

    @reads
    def untold_presence(self) -> list[SourceRecord]:
        """See PresenceStore."""
        return self._select("WHERE NOT is_presence_told ORDER BY collection, filename")
