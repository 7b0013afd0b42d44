"""Lists of jobs and of what was done with them, a page at a time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import reads
from services.discovery.adapters.sqlite_job_rows import SELECT_JOBS, JobRows, job_of
from services.discovery.domain.job_kinds import KINDS, seen_as
from services.discovery.domain.jobs import Job
from services.discovery.ports.jobs import AuditRow, JobFilter, JobLine, ListedJob
from shared.sqlite_state import sql

AUDIT_COLUMNS = (
    "number, at, collection, who, action, job_id, kind, source_id, filename, outcome, reason"
)


class JobListRows(JobRows):
    """The part that answers who looks at jobs."""

    @reads
    def list_jobs(self, wanted: JobFilter) -> list[ListedJob]:
        """See JobStore."""
        where, values = _conditions(wanted, ("collection", "kind", "source_id"))
        # Each state by itself is in the order of an index; together they would be sorted.
        states = wanted.states or (None,)
        found = []
        for state in dict.fromkeys(states):
            more = [*where, *(["state = ?"] if state else [])]
            query = sql(SELECT_JOBS, _where(more), "ORDER BY number DESC LIMIT ?")
            found += self._rows(query, *values, *([state] if state else []), wanted.limit)
        rows = sorted(found, key=lambda row: -row["number"])[: wanted.limit]
        return self._listed([(row["number"], job_of(row)) for row in rows])

    @reads
    def find_job(self, job_id: str) -> tuple[ListedJob, list[JobLine]] | None:
        """See JobStore."""
        rows = self._rows(SELECT_JOBS + "WHERE id = ?", job_id)
        if not rows:
            return None
        lines = self._rows(
            "SELECT at, line FROM job_lines WHERE job_id = ? ORDER BY number", job_id
        )
        (listed,) = self._listed([(rows[0]["number"], job_of(rows[0]))])
        return listed, [JobLine(datetime.fromisoformat(at), line) for at, line in lines]

    @reads
    def list_audit(self, wanted: JobFilter, job_id: str | None = None) -> list[AuditRow]:
        """See JobStore."""
        where, values = _conditions(wanted, ("collection", "kind", "source_id"))
        if job_id is not None:
            where, values = [*where, "job_id = ?"], [*values, job_id]
        query = sql("SELECT", AUDIT_COLUMNS, "FROM audit", _where(where))
        rows = self._rows(sql(query, "ORDER BY number DESC LIMIT ?"), *values, wanted.limit)
        return [AuditRow(row[0], datetime.fromisoformat(row[1]), *row[2:]) for row in rows]

    def _listed(self, jobs: Sequence[tuple[int, Job]]) -> list[ListedJob]:
        positions = self._positions([job for _, job in jobs if job.state == "queued"])
        return [
            ListedJob(number, self._as_it_stands(job), positions.get(job.id))
            for number, job in jobs
        ]

    def _as_it_stands(self, job: Job) -> Job:
        """Return a job with what the ledger has of it now: not all of that was told."""
        if job.can_retry:
            return replace(job, is_kept=self._is_kept(job))
        source = self._source(job.source_id) if job.state == "running" else None
        if source is None or not KINDS[job.kind].reads:
            return job
        return replace(job, counts=job.counts.grown_to(seen_as(job, source).counts))

    def _positions(self, queued: Sequence[Job]) -> dict[str, int]:
        """Count who is before each in the queue, in one pass over it."""
        found: dict[str, int] = {}
        last: dict[str, tuple[int, int]] = {}
        for job in sorted(queued, key=lambda one: one.place):
            place, position = last.get(job.collection, (0, 0))
            rows = self._rows(
                "SELECT count(*) FROM jobs WHERE collection = ? AND state = 'queued'"
                " AND place > ? AND place <= ?",
                job.collection,
                place,
                job.place,
            )
            found[job.id] = position + rows[0][0]
            last[job.collection] = job.place, found[job.id]
        return found


def _conditions(wanted: JobFilter, names: Sequence[str]) -> tuple[list[str], list[object]]:
    pairs = [(name, getattr(wanted, name)) for name in names]
    given = [(name, value) for name, value in pairs if value is not None]
    where, values = [f"{name} = ?" for name, _ in given], [value for _, value in given]
    if wanted.before is not None:
        where, values = [*where, "number < ?"], [*values, wanted.before]
    return where, values


def _where(conditions: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""
