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
    content_size INTEGER
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
