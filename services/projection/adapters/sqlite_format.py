"""What the state of projection is on disk, and how an older one becomes it."""

from services.projection.adapters import sqlite_journal, sqlite_moments
from shared.sqlite_state import HISTORIES, StateFormat

TABLES = """
CREATE TABLE batches (
    collection TEXT NOT NULL, batch_id TEXT NOT NULL, records INTEGER NOT NULL,
    is_counted INTEGER NOT NULL, retracted_at INTEGER, PRIMARY KEY (collection, batch_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_retraction ON batches (retracted_at) WHERE retracted_at IS NOT NULL;
CREATE TABLE models (
    collection TEXT NOT NULL, version INTEGER NOT NULL, parent INTEGER, dimension INTEGER NOT NULL,
    mean BLOB NOT NULL, components BLOB NOT NULL, explained_variance_ratio TEXT NOT NULL,
    record_count INTEGER NOT NULL, reason TEXT NOT NULL, created_at TEXT NOT NULL,
    revision INTEGER NOT NULL, movement TEXT, decision TEXT, correlation_ids TEXT NOT NULL,
    is_announced INTEGER NOT NULL DEFAULT 0, explained_variance TEXT,
    PRIMARY KEY (collection, version)
) STRICT;
"""
HEARING = """
CREATE TABLE IF NOT EXISTS hearing (
    collection TEXT PRIMARY KEY, since TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
"""Of which consumer the news of each collection came last: an aid."""
UPGRADES = {
    2: "ALTER TABLE models ADD COLUMN explained_variance TEXT;",
    3: sqlite_journal.TABLES,
    4: sqlite_moments.FROM_ONE_ROW,
}
"""What was counted before there were candidates stays counted, whatever is told of it."""
FORMAT = StateFormat(
    "projection",
    5,
    sqlite_moments.TABLES + TABLES + sqlite_journal.TABLES,
    aids=HISTORIES + HEARING,
    upgrades=UPGRADES,
)
