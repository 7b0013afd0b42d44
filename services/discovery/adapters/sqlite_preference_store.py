"""The columns that collections prefer, and those that their tables have, beside the ledger."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.preferences import Chosen, Preferred
from services.discovery.domain.uploads import UploadedFile

PREFERENCES = """
CREATE TABLE IF NOT EXISTS preferences (
    collection TEXT NOT NULL,
    version INTEGER NOT NULL,
    text_columns TEXT NOT NULL,
    context_columns TEXT,
    updated_at TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    PRIMARY KEY (collection, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS table_columns (
    collection TEXT NOT NULL,
    blob TEXT NOT NULL,
    names TEXT NOT NULL,
    PRIMARY KEY (collection, blob)
) WITHOUT ROWID;
"""
ADD_EFFECT = """
INSERT OR IGNORE INTO audit
    (key, at, collection, who, action, job_id, kind, source_id, filename, outcome, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'succeeded', ?)
"""


class PreferenceRows(LedgerRows):
    """The part of the ledger that says what collections prefer."""

    @reads
    def preferences(self, collection: str, most: int) -> list[Preferred]:
        """See PreferenceStore."""
        return self._preferences(collection, most)

    @change
    def prefer(self, collection: str, chosen: Chosen, by: str, now: datetime) -> Preferred:
        """See PreferenceStore."""
        return self._prefer(collection, chosen, by, now)

    @change
    def note_columns(self, file: UploadedFile, columns: Sequence[str]) -> None:
        """See PreferenceStore."""
        self._execute(
            "REPLACE INTO table_columns (collection, blob, names) VALUES (?, ?, ?)",
            file.collection,
            file.blob,
            json.dumps([*columns]),
        )
        self._execute(
            "DELETE FROM table_columns WHERE collection = ?1 AND blob NOT IN (SELECT blob FROM"
            " uploads WHERE collection = ?1 UNION SELECT blob FROM brought WHERE collection = ?1)",
            file.collection,
        )

    def _prefer(self, collection: str, chosen: Chosen, by: str, now: datetime) -> Preferred:
        """Choose columns for a collection in the transaction of the caller."""
        active = self._preferred(collection)
        if active is not None and active.chosen == chosen:
            return active
        version = active.version + 1 if active else 1
        self._execute(
            "INSERT INTO preferences (collection, version, text_columns, context_columns,"
            " updated_at, updated_by) VALUES (?, ?, ?, ?, ?, ?)",
            collection,
            version,
            json.dumps(chosen.text),
            None if chosen.context is None else json.dumps(chosen.context),
            now.isoformat(),
            by,
        )
        name = f"version {version}"
        self._note_effect("preferences", (collection, name), "change", by, now, chosen.spell())
        return Preferred(version, chosen, now, by)

    def _preferred(self, collection: str) -> Preferred | None:
        """Return what a collection prefers now."""
        return next(iter(self._preferences(collection, 1)), None)

    def _preferences(self, collection: str, most: int) -> list[Preferred]:
        rows = self._rows(
            "SELECT * FROM preferences WHERE collection = ? ORDER BY version DESC LIMIT ?",
            collection,
            most,
        )
        return [_preferred(row) for row in rows]

    def _note_effect(
        self, kind: str, named: tuple[str, str], action: str, by: str, now: datetime, told: str
    ) -> None:
        """Add an audit row of what is no job, in the transaction of the caller.

        Args:
            kind: What it is.
            named: Its collection, and what people call it.
            action: What was done with it.
            by: Who had it done.
            now: When.
            told: What it is now.
        """
        collection, name = named
        own = hashlib.sha256("\0".join((kind, *named)).encode()).hexdigest()[:32]
        key = f"{action}:{own}:{uuid4().hex}"
        self._execute(
            ADD_EFFECT, key, now.isoformat(), collection, by, action, own, kind, own, name, told
        )


def _preferred(row: sqlite3.Row) -> Preferred:
    context = row["context_columns"]
    chosen = Chosen(
        tuple(json.loads(row["text_columns"])),
        None if context is None else tuple(json.loads(context)),
    )
    at = datetime.fromisoformat(row["updated_at"])
    return Preferred(row["version"], chosen, at, row["updated_by"])
