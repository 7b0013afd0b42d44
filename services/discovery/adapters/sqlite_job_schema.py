"""The tables of jobs, beside the ledger in its file, and what tells which jobs may have moved."""

from services.discovery.adapters.sqlite_upload_rows import FIELDS
from shared.sqlite_state import sql

JOB_COLUMNS = """
ALTER TABLE sources ADD COLUMN renewal TEXT;
ALTER TABLE sources ADD COLUMN shown_version INTEGER;
"""
JOBS = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    collection TEXT NOT NULL,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    place INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    why TEXT,
    is_fresh INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    phase TEXT NOT NULL,
    retries INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL,
    started_at TEXT,
    ended_at TEXT,
    reason TEXT,
    version INTEGER,
    is_decided INTEGER NOT NULL DEFAULT 0,
    is_stalled INTEGER NOT NULL DEFAULT 0,
    seen INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0,
    before TEXT
);
CREATE INDEX IF NOT EXISTS jobs_queued ON jobs (collection, place) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS jobs_running ON jobs (collection) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS jobs_active ON jobs (source_id)
    WHERE state IN ('queued', 'running');
CREATE INDEX IF NOT EXISTS jobs_of_collection ON jobs (collection, number);
CREATE INDEX IF NOT EXISTS jobs_of_state ON jobs (collection, state, number);
CREATE INDEX IF NOT EXISTS jobs_in_state ON jobs (state, number);
CREATE INDEX IF NOT EXISTS jobs_of_source ON jobs (source_id, number);
CREATE INDEX IF NOT EXISTS jobs_by_place ON jobs (place);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS job_lines (
    job_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    collection TEXT NOT NULL,
    at TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS job_news (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    at TEXT NOT NULL,
    correlation TEXT,
    document TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    at TEXT NOT NULL,
    collection TEXT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    job_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    source_id TEXT NOT NULL,
    filename TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT
);
CREATE TABLE IF NOT EXISTS fetches (
    job_id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    url TEXT NOT NULL,
    filename TEXT,
    text_columns TEXT NOT NULL,
    context_columns TEXT,
    takes INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transfers (
    job_id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    received INTEGER NOT NULL,
    total INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fetches_by_url ON fetches (collection, url);
CREATE TABLE IF NOT EXISTS fetched (
    source_id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    url TEXT NOT NULL,
    job_id TEXT NOT NULL,
    etag TEXT,
    modified TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fetched_by_url ON fetched (collection, url);
CREATE TABLE IF NOT EXISTS analyses (
    job_id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    kept TEXT NOT NULL,
    document TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS analysis_choices (
    collection TEXT PRIMARY KEY,
    is_on INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_by_job ON uploads (job_id);
CREATE INDEX IF NOT EXISTS audit_of_collection ON audit (collection, number);
CREATE INDEX IF NOT EXISTS audit_of_job ON audit (job_id, number);
CREATE INDEX IF NOT EXISTS audit_of_source ON audit (source_id, number);
CREATE INDEX IF NOT EXISTS audit_by_time ON audit (at);
CREATE INDEX IF NOT EXISTS sources_discarding ON sources (source_id)
    WHERE renewal = 'discarding';
"""
ANALYSERS = """
CREATE TABLE IF NOT EXISTS analysis_takes (
    job_id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    takes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS analysers (is_there INTEGER PRIMARY KEY) WITHOUT ROWID;
"""
"""How often a courier began with an upload, and whether there is one that has files analysed."""
PREFERRED = """
ALTER TABLE uploads ADD COLUMN preferences INTEGER;
ALTER TABLE brought ADD COLUMN preferences INTEGER;
ALTER TABLE jobs ADD COLUMN preferences INTEGER;
ALTER TABLE jobs ADD COLUMN columns TEXT;
UPDATE job_news SET document = json_set(document, '$.preferences', NULL);
"""
"""By which version of its collection's preferences a file or a job reads; and by which columns a
file was read before a job that reads it by others."""
JOB_KINDS = """
CREATE INDEX IF NOT EXISTS jobs_of_kind ON jobs (collection, kind, number);
CREATE INDEX IF NOT EXISTS jobs_in_kind ON jobs (kind, number);
"""
"""So that those of a rare kind are found among many others."""
OF_BEFORE = sql(
    "INSERT OR IGNORE INTO brought (job, source_id, url, etag, modified, is_placed,",
    ", ".join(FIELDS),
    ") SELECT jobs.id, uploads.source_id, url, etag, modified, 1,",
    ", ".join(f"uploads.{name}" for name in FIELDS),
    "FROM jobs JOIN uploads USING (source_id) LEFT JOIN fetched USING (source_id)",
    "WHERE jobs.kind = 'fetch' AND jobs.state = 'running' AND jobs.is_decided",
    "AND uploads.job_id = jobs.id;",
    "DELETE FROM uploads WHERE EXISTS (SELECT 1 FROM brought",
    "WHERE source_id = uploads.source_id AND job_id = uploads.job_id);",
)
"""What an earlier program had fetched and is reading: there it was the content at once."""
_TOUCH = """
CREATE TEMP TRIGGER {0} AFTER {1} WHEN EXISTS
    (SELECT 1 FROM jobs WHERE source_id = {2}.source_id AND state = 'running')
    OR EXISTS (SELECT 1 FROM brought WHERE source_id = {2}.source_id AND is_placed)
    BEGIN INSERT OR IGNORE INTO touched VALUES ({2}.source_id); END;
"""
TOUCHED = "CREATE TEMP TABLE touched (source_id TEXT PRIMARY KEY) WITHOUT ROWID;" + "".join(
    (
        _TOUCH.format("job_source_changed", "UPDATE ON sources", "NEW"),
        _TOUCH.format("job_source_went", "DELETE ON sources", "OLD"),
        _TOUCH.format("job_source_stalled", "INSERT ON stalls", "NEW"),
        _TOUCH.format("job_source_moved", "DELETE ON stalls", "OLD"),
    )
)
"""Sources that changed while a job of them runs, or has left them a file: the connection's own,
empty between transactions."""
