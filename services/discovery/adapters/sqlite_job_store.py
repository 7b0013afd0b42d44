"""Jobs in the file of the ledger: submitted, cancelled, retried, and told."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_job_lists import JobListRows
from services.discovery.adapters.sqlite_job_rows import job_of
from services.discovery.adapters.sqlite_renewal_rows import RenewalRows
from services.discovery.domain.job_kinds import KINDS, why_not_rechosen
from services.discovery.domain.jobs import Job, JobRefusedError, View, cancel, follow, retry
from services.discovery.domain.ledger import CommandRef, SourceRecord
from services.discovery.domain.sources import source_id
from services.discovery.ports.jobs import JobNews, Order, Submitted, Wish

SHOWN_CHARACTERS = 200


class SqliteJobRows(JobListRows, RenewalRows):
    """The part of the ledger's file that has the jobs; each method is one durable transaction."""

    def tell_jobs_to(self, tell: Callable[[], None]) -> None:
        """See JobStore."""
        loop = asyncio.get_running_loop()

        # It is called in the thread of the ledger, before who makes the change is answered.
        def note() -> None:
            loop.call_soon_threadsafe(tell)

        self._connection.create_function("jobs_changed", 0, note)
        self._connection.execute(
            "CREATE TEMP TRIGGER IF NOT EXISTS jobs_told AFTER INSERT ON job_news"
            " BEGIN SELECT jobs_changed(); END"
        )

    @change
    def submit_jobs(self, order: Order, wish: Wish) -> list[Submitted]:
        """See JobStore."""
        self._follow_jobs()
        return [self._submit(order, one, wish) for one in order.sources]

    @change
    def cancel_job(self, collection: str, job_id: str, wish: Wish) -> Job:
        """See JobStore."""
        self._follow_jobs()
        job = self._job(job_id, collection)
        if self._is_done("cancel", job, wish):
            return job
        return self._cancel(job, wish, f"cancelled by {wish.who}")

    @change
    def retry_job(self, collection: str, job_id: str, wish: Wish) -> Job:
        """See JobStore."""
        self._follow_jobs()
        job = self._job(job_id, collection)
        if self._is_done("retry", job, wish):
            return job
        holder = self._holder(job.source_id)
        if holder is not None:
            raise JobRefusedError(has_it(job.filename, holder))
        if not self._is_kept(job):
            raise JobRefusedError(f"'{job.filename}' is not kept any more: upload it again")
        now = self._clock.now()
        after = retry(job, self._next_place())
        self._put_job(after, now, f"queued again by {wish.who}", wish.correlation_id)
        self._execute("UPDATE jobs SET before = NULL WHERE id = ?", job.id)
        self._audit(after, "retry", wish, now)
        return after

    @change
    def fail_job(self, job_id: str, reason: str) -> None:
        """See JobStore."""
        self._follow_jobs()
        for job in self._jobs("WHERE id = ? AND state = 'running'", job_id):
            if job.version is None:
                now = self._clock.now()
                after = follow(job, View(ending="failed", reason=reason), now)
                self._put_job(after, now, f"failed: {reason}")
                self._end(after, now)

    @change
    def forget_for_job(self, job_id: str) -> SourceRecord | None:
        """See JobStore."""
        self._follow_jobs()
        for job in self._jobs("WHERE id = ? AND state = 'running'", job_id):
            ref = CommandRef(f"job:{job.id}", job.id)
            after = self._forget(job.source_id, ref) if job.version is None else None
            if after is not None:
                self._execute(
                    "UPDATE jobs SET version = ?, is_decided = 1 WHERE id = ?",
                    after.source_version,
                    job.id,
                )
            after = after or self._source(job.source_id)
            is_coming = after is not None and after.is_forgotten and after.completed_at is None
            return after if is_coming else None
        return None

    @reads
    def running_jobs(self, collection: str | None = None) -> list[tuple[Job, str]]:
        """See JobStore."""
        found = []
        where = "WHERE state = 'running' AND (?1 IS NULL OR collection = ?1) ORDER BY place"
        for job in self._jobs(where, collection):
            source = self._source(job.source_id)
            found.append((job, source.path if source else ""))
        return found

    @reads
    def discarding(self, collection: str | None = None) -> list[SourceRecord]:
        """See JobStore."""
        where = "WHERE renewal = 'discarding' AND (?1 IS NULL OR collection = ?1)"
        return self._select(where, collection)

    @reads
    def job_news(self, most: int) -> list[JobNews]:
        """See JobStore."""
        rows = self._rows("SELECT * FROM job_news ORDER BY number LIMIT ?", most)
        return [
            JobNews(
                row["number"],
                datetime.fromisoformat(row["at"]),
                row["correlation"],
                job_of(json.loads(row["document"])),
            )
            for row in rows
        ]

    @change
    def job_news_told(self, number: int) -> None:
        """See JobStore."""
        self._execute("DELETE FROM job_news WHERE number <= ?", number)

    @change
    def drop_old_jobs(self, ended_before: datetime, audited_before: datetime) -> int:
        """See JobStore."""
        gone = self._rows(
            "DELETE FROM jobs WHERE ended_at < ? RETURNING id", ended_before.isoformat()
        )
        for (job_id,) in gone:
            self._execute("DELETE FROM job_lines WHERE job_id = ?", job_id)
            self._execute("DELETE FROM fetches WHERE job_id = ?", job_id)
            self._execute("DELETE FROM analyses WHERE job_id = ?", job_id)
            self._execute("DELETE FROM analysis_takes WHERE job_id = ?", job_id)
            self._execute("DELETE FROM transfers WHERE job_id = ?", job_id)
            self._release_brought("WHERE job = ? AND NOT is_placed", job_id)
        self._execute("DELETE FROM fetched WHERE source_id NOT IN (SELECT source_id FROM uploads)")
        self._execute(
            "DELETE FROM fetched_as WHERE source_id NOT IN"
            " (SELECT source_id FROM uploads UNION SELECT source_id FROM brought)"
        )
        self._execute("DELETE FROM audit WHERE at < ?", audited_before.isoformat())
        return len(gone)

    def _submit(self, order: Order, asked: str, wish: Wish) -> Submitted:
        source = self._named(order.collection, asked)
        if source is None:
            shown = asked[:SHOWN_CHARACTERS]
            reason = f"no source of '{order.collection}' is '{shown}'"
            return Submitted(asked, reason=reason, is_unknown=True)
        job_id = job_id_of(wish.key, source.source_id)
        for known in self._jobs("WHERE id = ?", job_id):
            return Submitted(asked, known)
        preferred = self._preferred(order.collection) if order.with_preferences else None
        why = KINDS[order.kind].why_not(source)
        if why is None and order.with_preferences:
            why = why_not_rechosen(source, preferred)
        if why is not None:
            return Submitted(asked, reason=why)
        if (why := self._why_held(source, order, job_id, wish)) is not None:
            return Submitted(asked, reason=why)
        now = self._clock.now()
        job = Job(
            id=job_id,
            collection=order.collection,
            kind=order.kind,
            source_id=source.source_id,
            filename=source.filename,
            place=self._next_place(),
            created_at=now,
            created_by=wish.who,
            why=order.why,
            is_fresh=order.is_fresh,
            preferences=preferred.version if preferred else None,
        )
        self._put_job(job, now, f"queued by {wish.who}")
        self._audit(job, "submit", wish, now)
        return Submitted(asked, job)

    def _why_held(self, source: SourceRecord, order: Order, job_id: str, wish: Wish) -> str | None:
        """Say why another job keeps a source from this one; it is cancelled if that is wanted."""
        holder = self._holder(source.source_id)
        if holder is None:
            return None
        if not order.cancels:
            return has_it(source.filename, holder)
        try:
            mine = replace(wish, correlation_id=None)  # the job that is queued answers it
            self._cancel(holder, mine, f"cancelled for job {job_id} by {wish.who}")
        except JobRefusedError as error:
            return str(error)
        if self._source(source.source_id) is None:
            return f"'{source.filename}' went with job {holder.id}, which was cancelled"
        return None

    def _cancel(self, job: Job, wish: Wish, reason: str) -> Job:
        now = self._clock.now()
        after = cancel(job, now, reason)
        rows = self._rows("SELECT before FROM jobs WHERE id = ?", job.id)
        if KINDS[job.kind].brings:
            self._cancel_brought(job)
        elif job.state == "running" and job.version is not None and rows[0][0] is not None:
            self._put_back(job.source_id, rows[0][0])
        self._unwant(job.source_id)
        self._put_job(after, now, reason, wish.correlation_id)
        self._audit(after, "cancel", wish, now)
        return after

    def _named(self, collection: str, asked: str) -> SourceRecord | None:
        by_name = self._source(source_id(collection, asked))
        found = by_name or self._source(asked)
        return found if found is not None and found.collection == collection else None

    def _holder(self, source: str) -> Job | None:
        found = self._jobs("WHERE source_id = ? AND state IN ('queued', 'running')", source)
        return found[0] if found else None

    def _next_place(self) -> int:
        rows = self._rows("SELECT coalesce(max(place), 0) + 1 FROM jobs")
        return int(rows[0][0])

    def _is_done(self, action: str, job: Job, wish: Wish) -> bool:
        """Tell whether a command was carried out before: it is delivered again after a crash."""
        key = f"{action}:{job.id}:{wish.key}"
        return bool(self._rows("SELECT 1 FROM audit WHERE key = ?", key))


def job_id_of(key: str, source: str) -> str:
    """Make the id of a job: a second delivery of its command makes none of its own."""
    text = f"{key}\n{source}".encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()[:20]


def has_it(filename: str, job: Job) -> str:
    """Say which job has a source."""
    return f"job {job.id} ({job.kind}, {job.state}) has '{filename}'; wait for it, or cancel it"
