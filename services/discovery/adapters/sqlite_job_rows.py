"""Rows of jobs, and what follows for them from any change of the ledger, in its transaction."""

import json
import sqlite3
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

from services.discovery.adapters.sqlite_brought_rows import BroughtRows
from services.discovery.adapters.sqlite_preference_store import PreferenceRows
from services.discovery.domain.analyses import Analysis
from services.discovery.domain.job_kinds import KINDS, can_be_read, seen_as, waits_for_bytes
from services.discovery.domain.jobs import (
    AT_ONCE,
    Counts,
    Job,
    JobRefusedError,
    admitted,
    follow,
    start,
)
from services.discovery.domain.uploads import UploadedFile
from services.discovery.ports.jobs import Wish
from shared.clock import Clock, SystemClock
from shared.contracts.analysis import RECORDS_TYPE
from shared.sqlite_state import sql

LINES = 50
"""Of a job's log, the last."""
COUNTS = tuple(one.name for one in fields(Counts))
BYTES = ("received", "total")
BESIDE = ("counts", "analysis", *BYTES, "is_kept")
"""In tables of their own: most jobs have none of it."""
FIELDS = tuple(one.name for one in fields(Job) if one.name not in BESIDE) + COUNTS
MOMENTS = ("created_at", "started_at", "ended_at")
FLAGS = ("is_fresh", "is_decided", "is_stalled")
ANALYSIS = (
    "(SELECT document FROM analyses WHERE job_id = jobs.id AND attempt = retries) AS analysis"
)
OF_TRANSFER = "FROM transfers WHERE job_id = jobs.id"
COME = (f"(SELECT {name} {OF_TRANSFER}) AS {name}" for name in BYTES)
SELECT_JOBS = sql("SELECT number,", ", ".join((*FIELDS, ANALYSIS, *COME)), "FROM jobs ")
PUT_JOB = sql(
    "INSERT INTO jobs (", ", ".join(FIELDS), ") VALUES (",
    ", ".join(f":{name}" for name in FIELDS), ") ON CONFLICT (id) DO UPDATE SET",
    ", ".join(f"{name} = excluded.{name}" for name in FIELDS if name != "id"),
)  # fmt: skip
ADD_LINE = """
INSERT INTO job_lines (job_id, number, collection, at, line)
SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4 FROM job_lines WHERE job_id = ?1
"""
TOUCHED = "DELETE FROM temp.touched RETURNING source_id"
COLUMNS_BACK = """
UPDATE uploads SET (text_columns, context_columns, preferences) = (
    SELECT json_extract(columns, '$[0]'), json_extract(columns, '$[1]'),
    json_extract(columns, '$[2]') FROM jobs WHERE id = ?1)
WHERE (source_id, job_id) =
    (SELECT source_id, json_extract(columns, '$[3]') FROM jobs WHERE id = ?1)
"""
"""The source of a job that did not succeed is read as before, if it has the same content."""
IS_ANALYZED = "SELECT is_on FROM analysis_choices WHERE collection = ?"
HAS_ANALYSER = "SELECT 1 FROM analysers"
ADD_AUDIT = """
INSERT OR IGNORE INTO audit
    (key, at, collection, who, action, job_id, kind, source_id, filename, outcome, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class JobRows(BroughtRows, PreferenceRows):
    """What the methods about jobs are made of; they need a transaction around."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock | None = None) -> None:
        super().__init__(connection)
        self._clock = clock or SystemClock()
        self._queues: set[str] = set()
        """Collections in whose queue something may start."""
        self._commits.before_commit = self._follow_jobs

    def _jobs(self, where: str, *values: object) -> list[Job]:
        return [job_of(row) for row in self._rows(SELECT_JOBS + where, *values)]

    def _job(self, job_id: str, collection: str | None = None) -> Job:
        """Return a job.

        Raises:
            JobRefusedError: There is none of this id.
        """
        found = self._jobs("WHERE id = ?1 AND (?2 IS NULL OR collection = ?2)", job_id, collection)
        if not found:
            raise JobRefusedError(f"there is no job '{job_id}'; mapstream jobs list shows them")
        return found[0]

    def _is_kept(self, job: Job) -> bool:
        """Tell whether the bytes of a job are there, if nobody can fetch them once more."""
        kind = KINDS[job.kind]
        return not kind.brings or kind.fetches or self._bytes_of(job) is not None

    def _put_job(
        self, job: Job, now: datetime, line: str | None, correlation: str | None = None
    ) -> None:
        """Store what a job is now, perhaps a line of its log, and that it is to be told."""
        values = row_of(job)
        self._connection.execute(PUT_JOB, values)
        if job.state in ("failed", "cancelled") and job.preferences is not None:
            self._execute(COLUMNS_BACK, job.id)
        self._execute(
            "REPLACE INTO transfers (job_id, collection, received, total)"
            " SELECT ?1, ?2, ?3, ?4 WHERE ?3 > 0 OR ?4 IS NOT NULL"
            " OR EXISTS (SELECT 1 FROM transfers WHERE job_id = ?1)",
            job.id,
            job.collection,
            job.received,
            job.total,
        )
        if line is not None:
            self._add_line(job, now, line)
        self._execute(
            "INSERT INTO job_news (collection, at, correlation, document) VALUES (?, ?, ?, ?)",
            job.collection,
            now.isoformat(),
            correlation,
            json.dumps(values),
        )
        if job.state != "running":
            self._queues.add(job.collection)

    def _add_line(self, job: Job, now: datetime, line: str) -> None:
        self._execute(ADD_LINE, job.id, job.collection, now.isoformat(), line)
        self._execute(
            "DELETE FROM job_lines WHERE job_id = ?1 AND number <="
            " (SELECT max(number) FROM job_lines WHERE job_id = ?1) - ?2",
            job.id,
            LINES,
        )

    def _audit(self, job: Job, action: str, wish: Wish, now: datetime) -> None:
        self._execute(
            ADD_AUDIT,
            f"{action}:{job.id}:{wish.key}",
            now.isoformat(),
            job.collection,
            wish.who,
            action,
            job.id,
            job.kind,
            job.source_id,
            job.filename,
            job.state,
            job.reason if action in ("end", "cancel") else job.why,
        )

    def _follow_jobs(self) -> None:
        """Do what follows for jobs from the changes of this transaction, to the last."""
        try:
            while (touched := self._rows(TOUCHED)) or self._queues:
                for (source_id,) in touched:
                    for job in self._jobs("WHERE source_id = ? AND state = 'running'", source_id):
                        self._follow_job(job)
                    self._settle_held(source_id)
                queues, self._queues = sorted(self._queues), set()
                for collection in queues:
                    self._start_jobs(collection)
        finally:
            self._queues.clear()

    def _follow_job(self, job: Job) -> None:
        now = self._clock.now()
        view = self._place(job, now)
        source = self._source(job.source_id)
        stalled = self._rows("SELECT 1 FROM stalls WHERE source_id = ?", job.source_id)
        view = view or seen_as(job, source, is_stalled=bool(stalled))
        after = follow(job, view, now)
        if after != job:
            self._put_job(after, now, line_of(job, after))
        if not after.is_active:
            self._end(after, now)
        elif job.version is None and _is_wanted(job):
            self._want(job.source_id)

    def _end(self, job: Job, now: datetime) -> None:
        """Do what follows from the end of a job that has run."""
        self._unwant(job.source_id)
        self._end_brought(job)
        self._audit(job, "end", Wish(str(job.retries), job.created_by), now)

    def _start_jobs(self, collection: str) -> None:
        """Start what has its turn; several at once only if several places are free."""
        rows = self._rows(
            "SELECT count(*) FROM jobs WHERE collection = ? AND state = 'running'", collection
        )
        queued = self._jobs(
            "WHERE collection = ? AND state = 'queued' ORDER BY place LIMIT ?",
            collection,
            AT_ONCE,
        )
        for job in admitted(rows[0][0], queued):
            now = self._clock.now()
            after = self._with_bytes(start(job, now))
            self._put_job(after, now, "running")
            if _is_wanted(after):
                self._want(job.source_id)
            self._execute("INSERT OR IGNORE INTO temp.touched VALUES (?)", job.source_id)

    def _with_bytes(self, job: Job) -> Job:
        """Return a job whose bytes are there: they were handed in, or it was tried before."""
        one = self._bytes_of(job) if waits_for_bytes(job) else None
        if one is None or self._is_to_be_analyzed(job, one.file):
            return job
        return replace(job, phase="validating")

    def _is_to_be_analyzed(self, job: Job, file: UploadedFile) -> bool:
        """Tell whether a file that was handed in is to be read by an analysis service first.

        A courier names bytes by its job: those that another one has brought it cannot find.
        """
        if KINDS[job.kind].fetches or file.job_id != job.id or file.media_type == RECORDS_TYPE:
            return False
        return self._is_analyzed(job.collection) and bool(self._rows(HAS_ANALYSER))

    def _is_analyzed(self, collection: str) -> bool:
        choice = self._rows(IS_ANALYZED, collection)
        return bool(choice[0][0]) if choice else True

    def _unwant(self, source_id: str) -> None:
        self._execute(
            "UPDATE sources SET renewal = NULL WHERE source_id = ? AND renewal = 'wanted'",
            source_id,
        )


def _is_wanted(job: Job) -> bool:
    """Tell whether the content that its source has is to be read anew for a job."""
    kind = KINDS[job.kind]
    return kind.reads and not kind.brings and can_be_read(job)


def line_of(before: Job, after: Job) -> str:
    """Write what happened to a job, for its log."""
    counts = after.counts
    numbers = f"{counts.seen:,} read, {counts.done:,} arrived, {counts.dead:,} dead"
    if after.state != before.state:
        told = f"{after.state}: {after.reason}" if after.reason else after.state
        return f"{told} ({numbers})" if counts.seen else told
    if after.is_stalled != before.is_stalled:
        return "stands still" if after.is_stalled else "moves again"
    return f"{after.phase} ({numbers})" if counts.seen else after.phase


def job_of(row: "sqlite3.Row | dict[str, Any]") -> Job:
    """Make a job of its row."""
    values: dict[str, Any] = {name: row[name] for name in FIELDS}
    counts = Counts(*(values.pop(name) for name in COUNTS))
    for name in FLAGS:
        values[name] = bool(values[name])
    for name in MOMENTS:
        values[name] = values[name] and datetime.fromisoformat(values[name])
    known = row.keys()
    told = row["analysis"] if "analysis" in known else None
    analysis = Analysis(**json.loads(told)) if told else None
    received, total = (row[name] if name in known else None for name in BYTES)
    return Job(**values, counts=counts, analysis=analysis, received=received or 0, total=total)


def row_of(job: Job) -> dict[str, Any]:
    """Make the row of a job."""
    values = {name: getattr(job, name) for name in FIELDS if name not in COUNTS}
    values["analysis"] = job.analysis and json.dumps(asdict(job.analysis))
    values |= {name: getattr(job.counts, name) for name in COUNTS}
    values |= {name: getattr(job, name) for name in BYTES}
    for name in MOMENTS:
        values[name] = values[name] and values[name].isoformat()
    return values
