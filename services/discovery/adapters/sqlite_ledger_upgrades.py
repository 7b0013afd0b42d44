"""What makes a ledger of an older format one of the next."""

SEGMENTS = """
CREATE TABLE segments (
    source_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    digest TEXT NOT NULL,
    is_read INTEGER NOT NULL DEFAULT 0,
    is_settled INTEGER NOT NULL DEFAULT 0,
    mark BLOB,
    PRIMARY KEY (source_id, number)
) WITHOUT ROWID;
"""
FROM_3 = """
ALTER TABLE sources ADD COLUMN ctime_ns INTEGER;
ALTER TABLE sources ADD COLUMN inode INTEGER;
ALTER TABLE sources ADD COLUMN why_incomplete TEXT;
ALTER TABLE sources ADD COLUMN incomplete_since TEXT;
ALTER TABLE sources ADD COLUMN checked_at TEXT;
ALTER TABLE sources ADD COLUMN gone_at TEXT;
ALTER TABLE sources ADD COLUMN returned_at TEXT;
ALTER TABLE sources ADD COLUMN same_as TEXT;
ALTER TABLE sources ADD COLUMN is_presence_told INTEGER NOT NULL DEFAULT 1;
"""
FROM_4 = """
ALTER TABLE dead_letters ADD COLUMN spans TEXT NOT NULL DEFAULT '';
"""
FROM_5 = f"""
ALTER TABLE sources ADD COLUMN rules TEXT;
ALTER TABLE sources ADD COLUMN content_size INTEGER;
{SEGMENTS}
"""
FOUND_AT = """
ALTER TABLE segments ADD COLUMN found_at TEXT NOT NULL DEFAULT '';
"""
FOUND_BEFORE = """
UPDATE segments SET found_at =
    (SELECT discovered_at FROM sources WHERE sources.source_id = segments.source_id);
"""
"""What is known of a segment of before is when its source was found."""
FROM_7 = """
ALTER TABLE sources ADD COLUMN staged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sources ADD COLUMN is_showing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN staged INTEGER NOT NULL DEFAULT 0;
ALTER TABLE batches ADD COLUMN is_staged INTEGER NOT NULL DEFAULT 0;
"""
FROM_8 = """
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
    told_revision INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
ALTER TABLE collections ADD COLUMN sources TEXT NOT NULL DEFAULT '[]';
ALTER TABLE collections ADD COLUMN made_by TEXT;
"""
"""An older ledger has no such table."""
