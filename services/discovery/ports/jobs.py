"""What is kept of jobs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.discovery.domain.jobs import Job
from services.discovery.domain.ledger import SourceRecord


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants something of jobs, by which command."""

    key: str
    """Of the command's message: a second delivery has the same, any other has another."""
    who: str
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Jobs that are wanted: one for each source."""

    collection: str
    kind: str
    sources: Sequence[str]
    """Filenames, or ids."""
    why: str | None = None
    is_fresh: bool = False
    with_preferences: bool = False
    """Whether the sources are read by the columns that the collection prefers now."""
    cancels: bool = False
    """Whether a job that has a source is cancelled for it."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of the wish for one job."""

    source: str
    """As it was asked for."""
    job: Job | None = None
    reason: str | None = None
    """Why there is no job."""
    is_unknown: bool = False
    """Whether that is since there is no such source."""


@dataclass(frozen=True, slots=True)
class JobNews:
    """A job as it was when something of it changed, and is to be told."""

    number: int
    at: datetime
    correlation_id: str | None
    job: Job


@dataclass(frozen=True, slots=True)
class JobLine:
    """A line of a job's log."""

    at: datetime
    line: str


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job in a list."""

    number: int
    """Counts up with every job; where a page ends."""
    job: Job
    position: int | None = None
    """In the queue, from 1; None: it is not queued."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are listed: those that fit every field that is given, the newest first."""

    collection: str | None = None
    states: Sequence[str] = ()
    kind: str | None = None
    source_id: str | None = None
    before: int | None = None
    """Only those with a lower number."""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One effect: who had it, when, on what, and how it came out."""

    number: int
    at: datetime
    collection: str
    who: str
    action: str
    job_id: str
    kind: str
    source_id: str
    filename: str
    outcome: str
    reason: str | None


class JobStore(Protocol):
    """Keeps jobs beside the ledger: job, source and audit change in one transaction.

    What a change of the ledger means for a job follows in the same transaction: a job whose source
    has ended has ended, and the next one runs. Each method is harmless when repeated, and may
    raise ``TransientError``: the ledger could not be read or written.
    """

    def tell_jobs_to(self, tell: Callable[[], None]) -> None:
        """Have something called, in the loop of this call, whenever jobs have changed."""
        ...

    async def submit_jobs(self, order: Order, wish: Wish) -> list[Submitted]:
        """Queue a job for each source, or say why not; starts what may start.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def cancel_job(self, collection: str, job_id: str, wish: Wish) -> Job:
        """Cancel a job: its source is as before, or the job says why that is too late.

        Raises:
            JobRefusedError: There is no such job, it has ended, or it is too late.
            TransientError: The ledger could not be written.
        """
        ...

    async def retry_job(self, collection: str, job_id: str, wish: Wish) -> Job:
        """Queue a failed job again.

        Raises:
            JobRefusedError: There is no such job, it did not fail, or was retried often enough.
            TransientError: The ledger could not be written.
        """
        ...

    async def fail_job(self, job_id: str, reason: str) -> None:
        """Note that a running job cannot go on.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def forget_for_job(self, job_id: str) -> SourceRecord | None:
        """Have the source of a running job forgotten; return it while that is on its way.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def running_jobs(self, collection: str | None = None) -> list[tuple[Job, str]]:
        """Return the jobs that run, of all or of one, and where the source of each lies.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def discarding(self, collection: str | None = None) -> list[SourceRecord]:
        """Return the sources, of all or of one, of which something is put aside at present.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def job_news(self, most: int) -> list[JobNews]:
        """Return what is to be told, in order.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def job_news_told(self, number: int) -> None:
        """Note that all news up to this number are told.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def list_jobs(self, wanted: JobFilter) -> list[ListedJob]:
        """Return a page of jobs, the newest first.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def find_job(self, job_id: str) -> tuple[ListedJob, list[JobLine]] | None:
        """Return a job and the last lines of its log.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def list_audit(self, wanted: JobFilter, job_id: str | None = None) -> list[AuditRow]:
        """Return a page of audit rows, the newest first.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def drop_old_jobs(self, ended_before: datetime, audited_before: datetime) -> int:
        """Remove jobs that ended before, and audit rows of before; return how many jobs went.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...
