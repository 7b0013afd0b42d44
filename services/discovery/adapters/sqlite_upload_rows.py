"""Rows of uploaded and fetched files: those that are sources, and those that jobs bring beside.

What ``uploads`` has of a source is its content. What a job brings for it lies in ``brought``, and
is placed when nothing of the source is on its way: from then on it is what is read. Once its
version is shown it becomes the content; if the job is cancelled or fails, the content is what it
was. The bytes that nobody asks for any more are in ``leaving`` until they are removed.
"""

import json
import sqlite3
from dataclasses import replace
from datetime import datetime

from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.uploads import BroughtFile, UploadedFile
from shared.sqlite_state import sql

_COLUMNS = """
    collection TEXT NOT NULL,
    filename TEXT NOT NULL,
    blob TEXT NOT NULL,
    job_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    uploaded_at TEXT NOT NULL,
    uploaded_by TEXT NOT NULL,
    text_columns TEXT NOT NULL,
    context_columns TEXT,
    earlier TEXT NOT NULL
"""
UPLOADS = f"""
CREATE TABLE IF NOT EXISTS uploads (source_id TEXT PRIMARY KEY, {_COLUMNS}) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS uploads_of ON uploads (collection, filename);
CREATE TABLE IF NOT EXISTS brought (
    job TEXT PRIMARY KEY,
    source_id TEXT NOT NULL,
    url TEXT,
    etag TEXT,
    modified TEXT,
    is_placed INTEGER NOT NULL DEFAULT 0,
    {_COLUMNS}
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS brought_for ON brought (source_id);
CREATE INDEX IF NOT EXISTS brought_of ON brought (collection);
CREATE TABLE IF NOT EXISTS leaving (
    blob TEXT NOT NULL,
    job_id TEXT NOT NULL,
    collection TEXT NOT NULL,
    PRIMARY KEY (blob, job_id)
) WITHOUT ROWID;
"""
_RELIST = """
CREATE TEMP TRIGGER {0}_{1} AFTER {1} ON {0} BEGIN INSERT OR IGNORE INTO relisted
    VALUES ({2}.source_id, {2}.collection); END;
"""
RELISTED = (
    "CREATE TEMP TABLE relisted (source_id TEXT PRIMARY KEY, collection TEXT NOT NULL)"
    " WITHOUT ROWID;"
) + "".join(
    _RELIST.format(table, change, "OLD" if change == "DELETE" else "NEW")
    for table in ("uploads", "brought")
    for change in ("INSERT", "UPDATE", "DELETE")
)
"""Sources of which another file may be read by now: the connection's own, for its process."""
FIELDS = (
    "collection", "filename", "blob", "job_id", "size", "media_type", "uploaded_at",
    "uploaded_by", "text_columns", "context_columns", "preferences", "earlier",
)  # fmt: skip
_NAMES = ", ".join(FIELDS)
BESIDE = ("url", "etag", "modified", "is_placed")
SELECT = sql("SELECT", _NAMES, "FROM uploads ")
SELECT_BROUGHT = sql("SELECT job,", ", ".join(BESIDE), ",", _NAMES, "FROM brought ")
PUT = sql(
    "REPLACE INTO uploads (source_id,", _NAMES, ") VALUES (?,", ", ".join("?" * len(FIELDS)), ")",
)  # fmt: skip
PUT_BROUGHT = sql(
    "REPLACE INTO brought (job, source_id,", ", ".join(BESIDE), ",", _NAMES, ") VALUES (",
    ", ".join("?" * (2 + len(BESIDE) + len(FIELDS))), ")",
)  # fmt: skip
READ = sql(
    "SELECT", _NAMES, "FROM brought WHERE is_placed AND (?1 IS NULL OR source_id = ?1) UNION ALL",
    "SELECT", _NAMES, "FROM uploads WHERE (?1 IS NULL OR source_id = ?1) AND NOT EXISTS",
    "(SELECT 1 FROM brought WHERE is_placed AND brought.source_id = uploads.source_id)",
    "ORDER BY collection, filename",
)  # fmt: skip
"""What is read of each source, or of one."""
KEPT = (
    "SELECT blob, job_id FROM uploads WHERE ?1 IS NULL OR collection = ?1"
    " UNION SELECT blob, job_id FROM brought WHERE ?1 IS NULL OR collection = ?1"
    " UNION SELECT blob, job_id FROM leaving WHERE ?1 IS NULL OR collection = ?1"
)
LET_GO = "INSERT OR IGNORE INTO leaving SELECT blob, job_id, collection FROM "


class UploadedRows(LedgerRows):
    """What the methods about such files are made of; they need a transaction around."""

    def _uploads(self, where: str, *values: str) -> list[UploadedFile]:
        return [file_of(row) for row in self._rows(SELECT + where, *values)]

    def _content(self, source_id: str) -> UploadedFile | None:
        """Return the file that is the content of a source, whatever is brought beside it."""
        found = self._uploads("WHERE source_id = ?", source_id)
        return found[0] if found else None

    def _read(self, source_id: str | None = None) -> list[UploadedFile]:
        return [file_of(row) for row in self._rows(READ, source_id)]

    def _brought(self, job: str) -> BroughtFile | None:
        rows = self._rows(SELECT_BROUGHT + "WHERE job = ?", job)
        return _brought(rows[0]) if rows else None

    def _put_brought(self, one: BroughtFile) -> None:
        """Keep what a job has brought; what ended jobs brought for its source is let go."""
        source_id = one.file.source_id
        self._release_brought(
            "WHERE source_id = ?1 AND NOT is_placed AND job <> ?2", source_id, one.job
        )
        # A command that comes again after it was refused brings what was about to go.
        self._execute(
            "DELETE FROM leaving WHERE blob = ? AND job_id = ?", one.file.blob, one.file.job_id
        )
        beside = (getattr(one, name) for name in BESIDE)
        self._execute(PUT_BROUGHT, one.job, source_id, *beside, *_values(one.file))

    def _release(self, file: UploadedFile) -> None:
        """Have the bytes of a file removed that is in no row."""
        self._execute(
            "INSERT OR IGNORE INTO leaving VALUES (?, ?, ?)",
            file.blob,
            file.job_id,
            file.collection,
        )

    def _release_brought(self, where: str, *values: str) -> None:
        """Have files that jobs brought kept no more, and their bytes removed."""
        self._execute(LET_GO + "brought " + where, *values)
        self._execute(sql("DELETE FROM brought", where), *values)

    def _make_content(self, one: BroughtFile) -> None:
        """Make what a job has brought the content of its source, in place of what was."""
        source_id = one.file.source_id
        self._execute(LET_GO + "uploads WHERE source_id = ?", source_id)
        self._execute("DELETE FROM brought WHERE job = ?", one.job)
        self._execute(PUT, source_id, *_values(one.file))
        if one.url is not None:
            self._execute(
                "REPLACE INTO fetched (source_id, collection, url, job_id, etag, modified)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                source_id,
                one.file.collection,
                one.url,
                one.file.job_id,
                one.etag,
                one.modified,
            )

    def _take_back(self, job: str, source_id: str) -> BroughtFile | None:
        """Return what a job had brought, if it failed and that is its source's content since."""
        file = self._content(source_id)
        if file is None or file.ledger_job != job:
            return None
        rows = self._rows(
            "SELECT url, etag, modified FROM fetched WHERE source_id = ? AND job_id = ?",
            source_id,
            file.job_id,
        )
        facts = dict(rows[0]) if rows else {}
        return BroughtFile(job, file, is_placed=True, **facts)


def file_of(row: sqlite3.Row) -> UploadedFile:
    """Make a file of its row."""
    values = {name: row[name] for name in FIELDS}
    for name in ("text_columns", "context_columns", "earlier"):
        values[name] = None if values[name] is None else tuple(json.loads(values[name]))
    return UploadedFile(**values | {"uploaded_at": datetime.fromisoformat(row["uploaded_at"])})


def _brought(row: sqlite3.Row) -> BroughtFile:
    beside = {name: row[name] for name in BESIDE}
    one = BroughtFile(row["job"], file_of(row), **beside)
    return replace(one, is_placed=bool(one.is_placed))


def _values(file: UploadedFile) -> list[str | int | None]:
    found = {name: getattr(file, name) for name in FIELDS}
    for name in ("text_columns", "context_columns", "earlier"):
        found[name] = None if found[name] is None else json.dumps(found[name])
    return [*(found | {"uploaded_at": file.uploaded_at.isoformat()}).values()]
