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


async def open_state(file: Path, form: StateFormat) -> aiosqlite.Connection:
    """Open a service's state, making file and folder if they are missing.

    A disk that is full, or fails otherwise, is waited for: even to read its file, SQLite needs a
    little room beside it.

    Raises:
        ConfigurationError: The file cannot be used, or holds anything else; it is as it was.
    """
    while True:
        try:
            return await _open(file, form)
        except sqlite3.OperationalError as error:
            log.error("state.waiting", file=str(file), error=str(error))  # noqa: TRY400
            await asyncio.sleep(RETRY_S)


async def _open(file: Path, form: StateFormat) -> aiosqlite.Connection:
    """Open a state.

    Raises:
        sqlite3.OperationalError: The disk has no room or fails.
        ConfigurationError: The file cannot be used, or holds anything else.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        db = await aiosqlite.connect(file, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(
            f"{file} cannot be opened: {error}; point state.folder to a writable folder"
        ) from error
    try:
        await _prepare(db, file, form)
    except sqlite3.Error as error:
        await db.close()
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
        await db.close()
        raise
    return db


async def _prepare(db: aiosqlite.Connection, file: Path, form: StateFormat) -> None:
    await db.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    is_new = not await _value(db, "SELECT count(*) FROM sqlite_schema")
    if not is_new:
        await _require_ours(db, file, form)
    await db.execute("PRAGMA journal_mode = WAL")
    await db.execute("PRAGMA synchronous = FULL")
    if is_new:
        await db.executescript(_creation(form))


def _creation(form: StateFormat) -> str:
    ours = f"INSERT INTO identity VALUES ('{form.service}');"  # noqa: S608  our own constants
    number = f"PRAGMA user_version = {form.number};"
    return f"BEGIN IMMEDIATE; {IDENTITY} {ours} {form.tables} {number} COMMIT;"


async def _require_ours(db: aiosqlite.Connection, file: Path, form: StateFormat) -> None:
    """Check whose file it is.

    Raises:
        ConfigurationError: It is another's, or of another format.
    """
    tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'identity'"
    number = await _value(db, "PRAGMA user_version")
    if not await _value(db, tables):
        # The first formats had no identity, but a number.
        whose = f"state of format {number}" if number else "a database of another program"
    else:
        service = await _value(db, "SELECT service FROM identity")
        if (service, number) == (form.service, form.number):
            return
        whose = f"state of '{service}' of format {number}"
    raise ConfigurationError(
        f"{file} holds {whose}; this program reads state of '{form.service}' of format "
        f"{form.number}: use the program that wrote it, point state.folder to another folder, or "
        "move the file away to begin anew"
    )


async def _value(db: aiosqlite.Connection, query: str) -> object:
    async with db.execute(query) as cursor:
        row = await cursor.fetchone()
    return row[0] if row else None
