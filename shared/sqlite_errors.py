"""Which failures of SQLite pass by themselves, and which say that it cannot work in a place."""

import sqlite3

PASSING = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""Primary result codes of a disk that may be well again later."""
LASTING = (
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
)
"""Codes of a file system that has no locks or no shared memory, and will have none later."""


def code_of(error: sqlite3.Error) -> int:
    """Return the extended result code; 0 if there is none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code


def is_full(error: sqlite3.Error) -> bool:
    """Tell whether the disk has no room; a full one fails in other ways, too."""
    return code_of(error) & 0xFF == sqlite3.SQLITE_FULL


def is_passing(error: sqlite3.Error) -> bool:
    """Tell whether the disk is full, or fails otherwise, and may be well again later."""
    code = code_of(error)
    is_outage = isinstance(error, sqlite3.OperationalError) and code & 0xFF in PASSING
    return is_outage and code not in LASTING
