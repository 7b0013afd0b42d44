"""The SQLite file of a service's state: made with its format's number, and known by it again.

A file of another service, of another format or of somebody else is refused before anything in it
is touched.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiosqlite
import structlog
from anyio import to_thread

from shared.errors import ConfigurationError
from shared.sqlite_errors import is_passing
from shared.waits import WAITS

BUSY_TIMEOUT_MS = 10_000
RETRY_S = 1.0
log = structlog.get_logger(__name__)
HISTORIES = """
CREATE TABLE IF NOT EXISTS histories (
    collection TEXT PRIMARY KEY, document TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
"""To which dataset the state of each collection belongs: an aid, see ``shared/history.py``."""
READ_HISTORY = "SELECT document FROM histories WHERE collection = ?"
KEEP_HISTORY = "REPLACE INTO histories (collection, document) VALUES (?, ?)"
IDENTITY = "CREATE TABLE identity (service TEXT NOT NULL) STRICT;"


@dataclass(frozen=True, slots=True)
class StateFormat:
    """What a service keeps, and the number of that; another text needs another number."""

    service: str
    number: int
    tables: str
    aids: str = ""
    """Indexes that are made where they are missing: programs with and without them get along."""
    upgrades: Mapping[int, str] = field(default_factory=dict)
    """What makes a state of an older number one of the next, by that older number."""


async def open_state(file: Path, form: StateFormat) -> aiosqlite.Connection:
    """Open a service's state for a coroutine; see ``open_blocking``.

    Raises:
        ConfigurationError: The file cannot be used, or holds anything else; it is as it was.
    """
    connection = await open_blocking(file, form)
    return await aiosqlite.Connection(lambda: connection, iter_chunk_size=64)


async def open_blocking(file: Path, form: StateFormat) -> sqlite3.Connection:
    """Open a service's state, making file and folder if they are missing.

    A disk that is full, or fails otherwise, is waited for: even to read its file, SQLite needs a
    little room beside it.

    Returns:
        A connection for any thread, but one at a time.

    Raises:
        ConfigurationError: The file cannot be used, or holds anything else; it is as it was.
    """
    with WAITS.trying(f"opening {file}") as trial:
        while True:
            try:
                return await to_thread.run_sync(_open, file, form)
            except sqlite3.OperationalError as error:
                log.error("state.waiting", file=str(file), error=str(error))  # noqa: TRY400
                trial.failed(error)
                await asyncio.sleep(RETRY_S)


def _open(file: Path, form: StateFormat) -> sqlite3.Connection:
    """Open a state.

    Raises:
        sqlite3.OperationalError: The disk has no room or fails.
        ConfigurationError: The file cannot be used, or holds anything else.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(
            f"{file} cannot be opened: {error}; point state.folder to a writable folder"
        ) from error
    try:
        _prepare(db, file, form)
    except sqlite3.Error as error:
        db.close()
        if is_passing(error):
            raise
        raise ConfigurationError(
            f"{file} cannot be used: {error}; check the disk and the permissions, or point "
            "state.folder to another folder"
        ) from error
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, file: Path, form: StateFormat) -> None:
    db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    is_new = not _value(db, "SELECT count(*) FROM sqlite_schema")
    number = form.number if is_new else _known_number(db, file, form)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if is_new:
        db.executescript(_creation(form))
    while number < form.number:
        _upgrade(db, form, number)
        number += 1
    db.executescript(form.aids)


def _upgrade(db: sqlite3.Connection, form: StateFormat, number: int) -> None:
    """Make a state one of the next number, wholly or not at all."""
    step = f"{form.upgrades[number]} PRAGMA user_version = {number + 1};"
    try:
        db.executescript(f"BEGIN IMMEDIATE; {step} COMMIT;")
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


async def rows_of(
    db: aiosqlite.Connection, query: str, values: Sequence[object] = ()
) -> Sequence[tuple[Any, ...]]:
    """Return all rows of a query, in one turn of the database's thread; a cursor takes several."""
    rows: list[tuple[Any, ...]] = [tuple(row) for row in await db.execute_fetchall(query, values)]
    return rows


async def write_rows(
    db: aiosqlite.Connection, statement: str, rows: Sequence[Sequence[object]]
) -> None:
    """Execute a statement for each of some rows; for none there is no turn."""
    if rows:
        await db.executemany(statement, rows)


def sql(*parts: str) -> str:
    """Join the parts of a statement: names of our own, while every value is bound."""
    return " ".join(parts)


def _creation(form: StateFormat) -> str:
    ours = sql("INSERT INTO identity VALUES", f"('{form.service}');")
    number = f"PRAGMA user_version = {form.number};"
    return f"BEGIN IMMEDIATE; {IDENTITY} {ours} {form.tables} {number} COMMIT;"


def _known_number(db: sqlite3.Connection, file: Path, form: StateFormat) -> int:
    """Check whose file it is, and return the number of its format.

    Raises:
        ConfigurationError: It is another's, or of a format that cannot become ours.
    """
    tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'identity'"
    number = int(db.execute("PRAGMA user_version").fetchone()[0])
    if not _value(db, tables):
        # The first formats had no identity, but a number.
        whose = f"state of format {number}" if number else "a database of another program"
    else:
        service = _value(db, "SELECT service FROM identity")
        is_ours = number == form.number or number in form.upgrades
        if service == form.service and is_ours:
            return number
        whose = f"state of '{service}' of format {number}"
    raise ConfigurationError(
        f"{file} holds {whose}; this program reads state of '{form.service}' of format "
        f"{form.number}: use the program that wrote it, point state.folder to another folder, or "
        "move the file away to begin anew"
    )


def _value(db: sqlite3.Connection, query: str) -> object:
    row = db.execute(query).fetchone()
    return row[0] if row else None
