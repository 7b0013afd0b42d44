"""The SQLite file of a service's state: made with its format's number, and known by it again.

A file of another service, of another format or of somebody else is refused before anything in it
is touched.
"""

import asyncio
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import aiosqlite
import structlog
from anyio import to_thread

from shared.errors import ConfigurationError

BUSY_TIMEOUT_MS = 10_000
RETRY_S = 1.0
PASSING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""Primary result codes of a disk that may be well again later."""
log = structlog.get_logger(__name__)
IDENTITY = "CREATE TABLE identity (service TEXT NOT NULL) STRICT;"


@dataclass(frozen=True, slots=True)
class StateFormat:
    """What a service keeps, and the number of that; another text needs another number."""

    service: str
    number: int
    tables: str
    aids: str = ""
    """Indexes that are made where they are missing: programs with and without them get along."""


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
    while True:
        try:
            return await to_thread.run_sync(_open, file, form)
        except sqlite3.OperationalError as error:
            log.error("state.waiting", file=str(file), error=str(error))  # noqa: TRY400
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
        if (
            isinstance(error, sqlite3.OperationalError)
            and error.sqlite_errorcode & 0xFF in PASSING
        ):
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
    if not is_new:
        _require_ours(db, file, form)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if is_new:
        db.executescript(_creation(form))
    db.executescript(form.aids)


def _creation(form: StateFormat) -> str:
    ours = f"INSERT INTO identity VALUES ('{form.service}');"  # noqa: S608  our own constants
    number = f"PRAGMA user_version = {form.number};"
    return f"BEGIN IMMEDIATE; {IDENTITY} {ours} {form.tables} {number} COMMIT;"


def _require_ours(db: sqlite3.Connection, file: Path, form: StateFormat) -> None:
    """Check whose file it is.

    Raises:
        ConfigurationError: It is another's, or of another format.
    """
    tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'identity'"
    number = _value(db, "PRAGMA user_version")
    if not _value(db, tables):
        # The first formats had no identity, but a number.
        whose = f"state of format {number}" if number else "a database of another program"
    else:
        service = _value(db, "SELECT service FROM identity")
        if (service, number) == (form.service, form.number):
            return
        whose = f"state of '{service}' of format {number}"
    raise ConfigurationError(
        f"{file} holds {whose}; this program reads state of '{form.service}' of format "
        f"{form.number}: use the program that wrote it, point state.folder to another folder, or "
        "move the file away to begin anew"
    )


def _value(db: sqlite3.Connection, query: str) -> object:
    row = db.execute(query).fetchone()
    return row[0] if row else None
