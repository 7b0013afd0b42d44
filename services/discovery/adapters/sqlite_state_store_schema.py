"""The tables of the ledger, and opening the file that holds them."""

import sqlite3
from functools import partial
from pathlib import Path

import aiosqlite
from anyio import to_thread

from shared.errors import ConfigurationError

FILENAME = "discovery.sqlite"
SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 10_000

TABLES = f"""
BEGIN IMMEDIATE;
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
    wishes TEXT NOT NULL DEFAULT '[]'
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
    source_id TEXT NOT NULL
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
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""


async def open_connection(folder: Path) -> aiosqlite.Connection:
    """Open the ledger in a folder, making both if they are missing.

    Raises:
        ConfigurationError: The folder or the file cannot be used; names it and the remedy.
    """
    file = folder / FILENAME
    try:
        await to_thread.run_sync(partial(folder.mkdir, parents=True, exist_ok=True))
        connection = await aiosqlite.connect(file, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(
            f"{file} cannot be opened: {error}; point state.folder to a writable folder"
        ) from error
    try:
        await _prepare(connection, file)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _prepare(connection: aiosqlite.Connection, file: Path) -> None:
    connection.row_factory = sqlite3.Row
    try:
        await connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        await connection.execute("PRAGMA journal_mode = WAL")
        await connection.execute("PRAGMA synchronous = FULL")
        version, tables = await _examine(connection)
        if version == 0 and not tables:
            await connection.executescript(TABLES)
            return
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"{file} cannot be used as the ledger: {error}; check the disk and the permissions, "
            "or move the file away to start a new ledger"
        ) from error
    if version != SCHEMA_VERSION:
        raise ConfigurationError(
            f"{file} has schema version {version}, this program needs {SCHEMA_VERSION}: run the "
            "program that wrote it, or move the file away to have all sources read again"
        )


async def _examine(connection: aiosqlite.Connection) -> tuple[int, int]:
    async with connection.execute("PRAGMA user_version") as cursor:
        version = await cursor.fetchone()
    async with connection.execute("SELECT count(*) FROM sqlite_schema") as cursor:
        tables = await cursor.fetchone()
    return (int(version[0]) if version else 0), (int(tables[0]) if tables else 0)
