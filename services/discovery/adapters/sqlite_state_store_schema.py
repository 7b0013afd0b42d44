"""The tables of the ledger, and opening the file that holds them."""

import sqlite3
from pathlib import Path

from anyio import to_thread

from services.discovery.adapters.sqlite_fetch_store import NAMES
from services.discovery.adapters.sqlite_holding import HELD_INDEX, HOLDING
from services.discovery.adapters.sqlite_job_schema import (
    ANALYSERS,
    JOB_COLUMNS,
    JOB_KINDS,
    JOBS,
    OF_BEFORE,
    PREFERRED,
    TOUCHED,
)
from services.discovery.adapters.sqlite_ledger_upgrades import (
    FOUND_AT,
    FOUND_BEFORE,
    FROM_3,
    FROM_4,
    FROM_5,
    FROM_7,
    FROM_8,
    SEGMENTS,
)
from services.discovery.adapters.sqlite_manifest_rows import MANIFESTS
from services.discovery.adapters.sqlite_match_store import MATCHES
from services.discovery.adapters.sqlite_move_store import MOVES
from services.discovery.adapters.sqlite_movement import MOVEMENT, MOVEMENT_TRIGGERS
from services.discovery.adapters.sqlite_preference_store import PREFERENCES
from services.discovery.adapters.sqlite_schedule_store import SCHEDULES
from services.discovery.adapters.sqlite_taking_over import TAKEN_OVER
from services.discovery.adapters.sqlite_upload_rows import RELISTED, UPLOADS
from shared.sqlite_state import HISTORIES, StateFormat, open_blocking

FILENAME = "discovery.sqlite"
TABLES = """
CREATE TABLE sources (
    source_id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    filename TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN
            ('incomplete', 'reading', 'dispatched', 'completed', 'failed', 'forgotten')),
    source_version INTEGER NOT NULL DEFAULT 0,
    fingerprint TEXT,
    seen INTEGER NOT NULL DEFAULT 0,
    mapped INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    is_read INTEGER NOT NULL DEFAULT 0,
    is_announced INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    discovered_at TEXT NOT NULL,
    completed_at TEXT,
    is_forgotten INTEGER NOT NULL DEFAULT 0,
    wishes TEXT NOT NULL DEFAULT '[]',
    dropped INTEGER NOT NULL DEFAULT 0,
    replays INTEGER NOT NULL DEFAULT 0,
    ctime_ns INTEGER,
    inode INTEGER,
    why_incomplete TEXT,
    incomplete_since TEXT,
    checked_at TEXT,
    gone_at TEXT,
    returned_at TEXT,
    same_as TEXT,
    is_presence_told INTEGER NOT NULL DEFAULT 1,
    rules TEXT,
    content_size INTEGER,
    staged INTEGER NOT NULL DEFAULT 0,
    is_showing INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX sources_by_name ON sources (collection, filename);
CREATE TABLE batches (
    batch_id TEXT PRIMARY KEY,
    source_id TEXT NOT NULL,
    records INTEGER NOT NULL,
    mapped INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    is_recorded INTEGER NOT NULL,
    is_closed INTEGER NOT NULL,
    is_settled INTEGER NOT NULL,
    staged INTEGER NOT NULL DEFAULT 0,
    is_staged INTEGER NOT NULL DEFAULT 0,
    CHECK (records >= mapped + dead)
) WITHOUT ROWID;
CREATE INDEX batches_by_source ON batches (source_id, is_settled);
CREATE TABLE dead_letters (
    key TEXT PRIMARY KEY,
    source_id TEXT NOT NULL,
    batch_id TEXT,
    records INTEGER NOT NULL,
    byte_offset INTEGER,
    size INTEGER NOT NULL,
    fate TEXT NOT NULL CHECK (fate IN ('dead', 'replayed', 'dropped')),
    command TEXT,
    turn INTEGER,
    spans TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX dead_letters_by_source ON dead_letters (source_id);
CREATE TABLE stalls (
    source_id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    filename TEXT NOT NULL,
    numbers TEXT NOT NULL,
    stage TEXT NOT NULL,
    since TEXT NOT NULL,
    is_announced INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX dead_letters_by_batch ON dead_letters (batch_id);
CREATE INDEX dead_letters_by_command ON dead_letters (command);
CREATE TABLE resends (
    batch_id TEXT PRIMARY KEY,
    source_id TEXT NOT NULL,
    letter_key TEXT NOT NULL,
    collection TEXT NOT NULL,
    records INTEGER NOT NULL,
    stage TEXT NOT NULL,
    message_id TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX resends_by_source ON resends (source_id);
CREATE INDEX resends_by_letter ON resends (letter_key);
"""
AIDS = """
CREATE TABLE IF NOT EXISTS ways (
    collection TEXT PRIMARY KEY,
    births TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contradictions (
    batch_id TEXT PRIMARY KEY,
    source_id TEXT NOT NULL,
    what TEXT NOT NULL,
    since TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS contradictions_by_source ON contradictions (source_id);
CREATE TABLE IF NOT EXISTS collections (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    kind TEXT NOT NULL,
    origin TEXT NOT NULL,
    state TEXT NOT NULL,
    revision INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    told_revision INTEGER NOT NULL DEFAULT 0,
    sources TEXT NOT NULL DEFAULT '[]',
    made_by TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS resting (collection TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS collections_untold ON collections (name)
    WHERE told_revision < revision;
CREATE TABLE IF NOT EXISTS deletions (
    collection_id TEXT PRIMARY KEY,
    commands TEXT NOT NULL,
    ended_at TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deletions_by_end ON deletions (ended_at);
CREATE INDEX IF NOT EXISTS stalls_by_age ON stalls (collection, since, source_id);
CREATE INDEX IF NOT EXISTS stalls_untold ON stalls (collection, since, source_id)
    WHERE NOT is_announced;
CREATE INDEX IF NOT EXISTS sources_by_status ON sources (status, collection, filename);
CREATE INDEX IF NOT EXISTS sources_incomplete ON sources (collection, filename)
    WHERE why_incomplete IS NOT NULL;
DROP INDEX IF EXISTS sources_unread;
CREATE INDEX IF NOT EXISTS sources_unread_of ON sources (collection, source_id)
    WHERE source_version = 0;
CREATE INDEX IF NOT EXISTS sources_gone ON sources (collection, filename)
    WHERE gone_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS sources_untold ON sources (collection, filename)
    WHERE NOT is_presence_told;
"""
FOUND = FOUND_AT + FOUND_BEFORE
FROM_11 = UPLOADS + JOBS + PREFERRED
STEPS = {7: FROM_7, 8: FROM_8, 9: HOLDING, 10: JOB_COLUMNS, 11: FROM_11}
UPGRADES = {3: FROM_3, 4: FROM_4, 5: FROM_5, 6: FOUND, **STEPS}
ADDED = (
    AIDS
    + HELD_INDEX
    + MOVES
    + HISTORIES
    + TAKEN_OVER
    + UPLOADS
    + JOBS
    + PREFERENCES
    + SCHEDULES
    + MANIFESTS
    + MATCHES
    + NAMES
    + ANALYSERS
    + JOB_KINDS
)
FORMAT = StateFormat(
    "discovery",
    12,
    TABLES + SEGMENTS + FOUND_AT + HOLDING + JOB_COLUMNS + FROM_11,
    ADDED + OF_BEFORE,
    UPGRADES,
)
TOTALS = """
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE totals (
    collection TEXT NOT NULL, status TEXT NOT NULL, sources INTEGER NOT NULL,
    seen INTEGER NOT NULL, mapped INTEGER NOT NULL, dead INTEGER NOT NULL,
    dropped INTEGER NOT NULL, PRIMARY KEY (collection, status)
) WITHOUT ROWID;
CREATE TEMP TABLE in_flight (
    collection TEXT PRIMARY KEY, records INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO totals
    SELECT collection, status, count(*), sum(seen), sum(mapped), sum(dead), sum(dropped)
    FROM sources GROUP BY collection, status;
INSERT INTO in_flight
    SELECT collection, sum(batches.records - batches.mapped - batches.dead)
    FROM batches JOIN sources USING (source_id) WHERE is_staged OR NOT is_settled
    GROUP BY collection;
"""
"""The sums over the ledger, kept up to date by triggers: to tell them must not cost a look at
every source. They belong to the connection; the file is as it would be without."""
LEAVE_TOTALS = """
UPDATE totals SET sources = sources - 1, seen = seen - OLD.seen, mapped = mapped - OLD.mapped,
    dead = dead - OLD.dead, dropped = dropped - OLD.dropped
    WHERE collection = OLD.collection AND status = OLD.status;
"""
ENTER_TOTALS = """
INSERT INTO totals SELECT NEW.collection, NEW.status, 0, 0, 0, 0, 0 WHERE NOT EXISTS
    (SELECT 1 FROM totals WHERE collection = NEW.collection AND status = NEW.status);
UPDATE totals SET sources = sources + 1, seen = seen + NEW.seen, mapped = mapped + NEW.mapped,
    dead = dead + NEW.dead, dropped = dropped + NEW.dropped
    WHERE collection = NEW.collection AND status = NEW.status;
"""
LEAVE_FLIGHT = """
UPDATE in_flight SET records = records - (OLD.records - OLD.mapped - OLD.dead)
    WHERE (OLD.is_staged OR NOT OLD.is_settled)
    AND collection = (SELECT collection FROM sources WHERE source_id = OLD.source_id);
"""
ENTER_FLIGHT = """
INSERT INTO in_flight SELECT collection, 0 FROM sources
    WHERE source_id = NEW.source_id AND collection NOT IN (SELECT collection FROM in_flight);
UPDATE in_flight SET records = records + NEW.records - NEW.mapped - NEW.dead
    WHERE (NEW.is_staged OR NOT NEW.is_settled)
    AND collection = (SELECT collection FROM sources WHERE source_id = NEW.source_id);
"""
FIGURES = "status, seen, mapped, dead, dropped"
TRIGGERS = f"""
CREATE TEMP TRIGGER source_came AFTER INSERT ON sources BEGIN {ENTER_TOTALS} END;
CREATE TEMP TRIGGER source_changed AFTER UPDATE OF {FIGURES} ON sources
    BEGIN {LEAVE_TOTALS} {ENTER_TOTALS} END;
CREATE TEMP TRIGGER source_went AFTER DELETE ON sources BEGIN {LEAVE_TOTALS} END;
CREATE TEMP TRIGGER batch_came AFTER INSERT ON batches BEGIN {ENTER_FLIGHT} END;
CREATE TEMP TRIGGER batch_changed AFTER UPDATE ON batches
    BEGIN {LEAVE_FLIGHT} {ENTER_FLIGHT} END;
CREATE TEMP TRIGGER batch_went AFTER DELETE ON batches BEGIN {LEAVE_FLIGHT} END;
"""
BESIDE = TOTALS + TRIGGERS + MOVEMENT + MOVEMENT_TRIGGERS + TOUCHED + RELISTED


async def open_connection(folder: Path) -> sqlite3.Connection:
    """Open the ledger in a folder, making both if they are missing.

    Raises:
        ConfigurationError: The folder or the file cannot be used; names it and the remedy.
    """
    connection = await open_blocking(folder / FILENAME, FORMAT)
    connection.row_factory = sqlite3.Row
    await to_thread.run_sync(connection.executescript, BESIDE)
    return connection
