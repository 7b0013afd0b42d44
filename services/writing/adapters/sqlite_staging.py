"""What waits of versions that are still to come, in one SQLite file beside the dataset."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from anyio import to_thread

from services.writing.domain.stored_state import StagedSource
from services.writing.ports import DiskFullError
from shared.contracts.batches import Batch, decode, encode
from shared.errors import TransientError
from shared.sqlite_errors import is_full
from shared.sqlite_state import StateFormat, open_blocking, sql

FILENAME = "staging.sqlite"
TABLES = """
CREATE TABLE staged (
    number INTEGER PRIMARY KEY, source_id TEXT NOT NULL, source_version INTEGER NOT NULL,
    batch_id TEXT NOT NULL, body BLOB NOT NULL, UNIQUE (source_id, batch_id)
) STRICT;
"""
FLOORS = """
CREATE TABLE IF NOT EXISTS floors (
    source_id TEXT PRIMARY KEY, source_version INTEGER NOT NULL
) STRICT;
"""
"""Which version is coming of a source, also if none of its batches has rows."""
FORMAT = StateFormat("writing", 1, TABLES, FLOORS)


class SqliteStaging:
    """Keeps whole batches as they came; there is no file until the first one."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILENAME
        self._db: sqlite3.Connection | None = None
        self._held: dict[str, StagedSource] | None = None

    async def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        if self._db is not None:
            db, self._db = self._db, None
            await to_thread.run_sync(db.close)

    async def held(self) -> Mapping[str, StagedSource]:
        """See Staging."""
        if self._held is None:
            is_there = await to_thread.run_sync(self._file.exists)
            held = await to_thread.run_sync(_read, await self._open()) if is_there else {}
            self._held = held  # only now: whoever is cut off before has read nothing
        return self._held

    async def change(self, add: Sequence[Batch], discard: Mapping[str, int]) -> None:
        """See Staging."""
        held = await self.held()
        gone = {key: value for key, value in discard.items() if key in held}
        if add or gone:
            self._held = None
            await to_thread.run_sync(_change, await self._open(), add, gone)

    def scan(self, sources: Mapping[str, frozenset[str]]) -> Iterator[Batch]:
        """See Staging."""
        if self._db is None:
            return
        query = "SELECT batch_id, body FROM staged WHERE source_id = ? ORDER BY number"
        for source_id, without in sources.items():
            with _errors():
                rows = self._db.execute(query, (source_id,))
                for batch_id, body in rows:
                    if batch_id not in without:
                        yield decode(body)

    async def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._db = await open_blocking(self._file, FORMAT)
        return self._db


def _read(db: sqlite3.Connection) -> dict[str, StagedSource]:
    with _errors():
        rows = db.execute("SELECT source_id, source_version, batch_id FROM staged").fetchall()
        floors = db.execute("SELECT source_id, source_version FROM floors").fetchall()
    versions = dict(floors) | {source_id: version for source_id, version, _ in rows}
    ids: dict[str, set[str]] = {source_id: set() for source_id in versions}
    for source_id, _, batch_id in rows:
        ids[source_id].add(batch_id)
    return {key: StagedSource(versions[key], frozenset(ids[key])) for key in versions}


def _change(db: sqlite3.Connection, add: Sequence[Batch], discard: Mapping[str, int]) -> None:
    with _errors():
        with _transaction(db):
            for source_id, version in discard.items():
                for table in ("staged", "floors"):
                    db.execute(
                        sql("DELETE FROM", table, "WHERE source_id = ? AND source_version <= ?"),
                        (source_id, version),
                    )
            for batch in add:
                one = batch.descriptor
                if not len(batch):
                    db.execute(
                        "REPLACE INTO floors VALUES (?, ?)", (one.source_id, one.source_version)
                    )
                    continue
                db.execute(
                    "INSERT OR IGNORE INTO staged (source_id, source_version, batch_id, body)"
                    " VALUES (?, ?, ?, ?)",
                    (one.source_id, one.source_version, one.batch_id, encode(batch)),
                )
        if discard and not db.execute("SELECT EXISTS (SELECT 1 FROM staged)").fetchone()[0]:
            # Freed pages are used again, but given back only so.
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if is_full(error):
            raise DiskFullError(f"no room for what is staged: {error}") from error
        raise TransientError(f"what is staged: {error}") from error
