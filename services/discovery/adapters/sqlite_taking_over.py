"""To which dataset the ledger belongs, and what it takes over from that, in its file."""

from collections.abc import Sequence
from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.sources import HeldSource, StoredSource, source_id
from shared.sqlite_state import KEEP_HISTORY, READ_HISTORY


def _is_replaced(known: SourceRecord, version: int) -> bool:
    """Tell whether what the dataset has takes the place of what the ledger says of a source."""
    if known.source_version == version:
        return not known.is_forgotten
    return known.source_version < version


TAKEN_OVER = """
CREATE TABLE IF NOT EXISTS taken_over (
    source_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL
) WITHOUT ROWID;
"""
"""Versions of sources that the ledger does not know: the dataset has had them, and no rows now."""

GIVE_UP = """
UPDATE sources SET status = 'reading', is_read = 0, is_held = 0
WHERE source_id = ? AND status IN ('dispatched', 'failed') AND completed_at IS NULL
    AND source_version > 0
"""
"""Else it is waited for before the file is looked at."""


class TakenOverRows(LedgerRows):
    """The part of the ledger that goes by what the dataset has."""

    @reads
    def history(self, collection: str) -> str | None:
        """See HistoryStore."""
        rows = self._rows(READ_HISTORY, collection)
        return rows[0][0] if rows else None

    @change
    def keep_history(self, collection: str, document: str) -> None:
        """See HistoryStore."""
        self._execute(KEEP_HISTORY, collection, document)

    @reads
    def position(self, collection: str) -> tuple[int, bool]:
        """See HistoryStore."""
        ((position, mapped),) = self._rows(
            "SELECT coalesce(sum(source_version), 0), coalesce(max(mapped), 0) FROM sources"
            " WHERE collection = ?",
            collection,
        )
        return position, mapped > 0

    @change
    def take_over(self, collection: str, sources: Sequence[HeldSource], now: datetime) -> None:
        """See HistoryStore."""
        for one in sources:
            known = self._select("WHERE source_id = ?", one.source_id)
            if known and not _is_replaced(known[0], one.version):
                continue
            if one.filename is None and not known:
                self._execute(
                    "REPLACE INTO taken_over (source_id, version) VALUES (?, ?)",
                    one.source_id,
                    one.version,
                )
                continue
            name = one.filename if one.filename is not None else known[0].filename
            self._take_over(
                one.source_id, collection, StoredSource(name, one.version, one.rows), now
            )
            self._execute(
                "UPDATE sources SET fingerprint = NULL WHERE source_id = ?", one.source_id
            )

    @change
    def read_again(
        self, collection: str, sources: Sequence[StoredSource], now: datetime
    ) -> dict[str, str]:
        """Have sources read again by the next look, as versions above those that are stored.

        A version of theirs that is coming is given up: something of it is not there.

        What the ledger does not know, or only in an older version, it takes over as it is stored:
        so no version number ever means two contents.

        Returns:
            The filenames of those that are ``forgotten``, which are not read again, and of those
            whose file is ``gone``, which are when it is back.
        """
        unread = {}
        for one in sources:
            key = source_id(collection, one.filename)
            known = self._select("WHERE source_id = ?", key)
            if known and known[0].is_forgotten:
                unread[one.filename] = "forgotten"
                continue
            if known and known[0].gone_at is not None:
                unread[one.filename] = "gone"
            if one.rows and (not known or known[0].source_version < one.version):
                self._take_over(key, collection, one, now)
            self._execute("UPDATE sources SET fingerprint = NULL WHERE source_id = ?", key)
            self._execute(GIVE_UP, key)
        return unread

    def _above_taken_over(self, known: SourceRecord) -> int:
        """Return the version after which the next one of a source comes."""
        if known.source_version:
            return known.source_version
        rows = self._rows(
            "DELETE FROM taken_over WHERE source_id = ? RETURNING version", known.source_id
        )
        return rows[0][0] if rows else 0

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
            " dead = 0, dropped = 0, replays = 0, staged = 0, is_showing = 0, is_held = 0,"
            " is_read = 1,"
            " is_announced = 1, is_forgotten = 0, reason = NULL, why_incomplete = NULL,"
            " incomplete_since = NULL, completed_at = ?2, renewal = NULL, shown_version = NULL"
            " WHERE source_id = ?4",
            one.version,
            now.isoformat(),
            one.rows,
            key,
        )
