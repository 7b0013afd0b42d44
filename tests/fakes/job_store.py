"""Jobs in memory, by rules of its own: what the ledger's file does is compared with it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from services.discovery.domain.fetches import FetchOrder
from services.discovery.domain.jobs import Job, JobRefusedError
from services.discovery.domain.ledger import SourceRecord
from services.discovery.ports.jobs import (
    AuditRow,
    JobFilter,
    JobLine,
    JobNews,
    ListedJob,
    Order,
    Submitted,
    Wish,
)

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PLACES = 3
RETRIES = 3


class FakeJobStore:
    """Keeps jobs in a list, in the order in which they were submitted; sources are names."""

    def __init__(self, sources: dict[str, str] | None = None) -> None:
        self.sources = sources or {}
        """Filename to id."""
        self.jobs: list[Job] = []
        self.queue: list[str] = []
        """Ids, the next one first."""
        self.too_late: set[str] = set()
        self.gone: set[str] = set()
        """Ids of sources that were taken off the map: nothing of them can be embedded again."""
        self.effects: list[tuple[str, str, str]] = []
        """What was done, with which job, and how that stood then."""
        self.done: set[tuple[str, str]] = set()
        self.news: list[JobNews] = []

    def tell_jobs_to(self, tell: Callable[[], None]) -> None:
        """Nobody waits."""

    def job(self, job_id: str) -> Job:
        return next(one for one in self.jobs if one.id == job_id)

    async def submit_jobs(self, order: Order, wish: Wish) -> list[Submitted]:
        return [self._submit(order, one, wish) for one in order.sources]

    async def submit_fetches(self, order: FetchOrder, wish: Wish) -> list[Submitted]:
        self.sources |= {url: f"id of {url}" for url in order.urls}
        wanted = Order(collection=order.collection, kind="fetch", sources=order.urls)
        return await self.submit_jobs(wanted, wish)

    def _submit(self, order: Order, source: str, wish: Wish) -> Submitted:
        if source not in self.sources:
            return Submitted(source, reason="unknown", is_unknown=True)
        job_id = f"{wish.key}/{source}"
        if any(one.id == job_id for one in self.jobs):
            return Submitted(source, self.job(job_id))
        for one in self.jobs:
            if one.source_id == self.sources[source] and one.state in ("queued", "running"):
                if not order.cancels or one.id in self.too_late:
                    return Submitted(source, reason=f"{one.id} has it")
                self._put(one.id, "cancel", state="cancelled")
        number = len(self.jobs)
        job = Job(
            job_id, order.collection, order.kind, self.sources[source], source, number,
            LONG_AGO, wish.who, order.why, order.is_fresh,
        )  # fmt: skip
        self.jobs.append(job)
        self.queue.append(job_id)
        self.effects.append(("submit", job_id, "queued"))
        self._start()
        return Submitted(source, self.job(job_id))

    async def cancel_job(self, collection: str, job_id: str, wish: Wish) -> Job:
        job = self._known(collection, job_id)
        if ("cancel", job_id + wish.key) in self.done:
            return job
        if job.state not in ("queued", "running") or job_id in self.too_late:
            raise JobRefusedError("too late")
        self.done.add(("cancel", job_id + wish.key))
        self._put(job_id, "cancel", state="cancelled")
        return self.job(job_id)

    async def retry_job(self, collection: str, job_id: str, wish: Wish) -> Job:
        job = self._known(collection, job_id)
        if ("retry", job_id + wish.key) in self.done:
            return job
        others = [one for one in self.jobs if one.source_id == job.source_id and one is not job]
        is_held = any(one.state in ("queued", "running") for one in others)
        if job.state != "failed" or job.retries == RETRIES or is_held:
            raise JobRefusedError("not now")
        self.done.add(("retry", job_id + wish.key))
        self.queue.append(job_id)
        self.too_late.discard(job_id)
        self._put(job_id, "retry", state="queued", retries=job.retries + 1)
        return self.job(job_id)

    async def fail_job(self, job_id: str, reason: str) -> None:
        del reason
        if self.job(job_id).state == "running":
            self.end(job_id, "failed")

    def end(self, job_id: str, state: str) -> None:
        """Have a running job end by itself."""
        if self.job(job_id).kind == "delete" and state == "succeeded":
            self.gone.add(self.job(job_id).source_id)
        self._put(job_id, "end", state=state)

    def _put(self, job_id: str, action: str, **changes: object) -> None:
        at = next(at for at, one in enumerate(self.jobs) if one.id == job_id)
        self.jobs[at] = replace(self.jobs[at], **changes)  # type: ignore[arg-type]
        if self.jobs[at].state != "queued" and job_id in self.queue:
            self.queue.remove(job_id)
        self.effects.append((action, job_id, self.jobs[at].state))
        self._start()

    def _start(self) -> None:
        while self.queue and sum(one.state == "running" for one in self.jobs) < PLACES:
            first = self.queue.pop(0)
            at = next(at for at, one in enumerate(self.jobs) if one.id == first)
            job = self.jobs[at] = replace(self.jobs[at], state="running")
            if job.kind == "re-embed" and job.source_id in self.gone:
                self.end(first, "cancelled")

    def _known(self, collection: str, job_id: str) -> Job:
        for one in self.jobs:
            if (one.id, one.collection) == (job_id, collection):
                return one
        raise JobRefusedError("unknown")

    async def forget_for_job(self, job_id: str) -> SourceRecord | None:
        self.too_late.add(job_id)
        return None

    async def running_jobs(self, collection: str | None = None) -> list[tuple[Job, str]]:
        running = [one for one in self.jobs if one.state == "running"]
        return [(one, one.filename) for one in running if collection in (None, one.collection)]

    async def discarding(self, collection: str | None = None) -> list[SourceRecord]:
        del collection
        return []

    async def job_news(self, most: int) -> list[JobNews]:
        return self.news[:most]

    async def job_news_told(self, number: int) -> None:
        self.news = [one for one in self.news if one.number > number]

    async def list_jobs(self, wanted: JobFilter) -> list[ListedJob]:
        found = [ListedJob(at, one, self._position(one)) for at, one in enumerate(self.jobs)]
        fit = [one for one in found if not wanted.states or one.job.state in wanted.states]
        return fit[::-1][: wanted.limit]

    def _position(self, job: Job) -> int | None:
        return self.queue.index(job.id) + 1 if job.id in self.queue else None

    async def find_job(self, job_id: str) -> tuple[ListedJob, list[JobLine]] | None:
        for at, one in enumerate(self.jobs):
            if one.id == job_id:
                return ListedJob(at, one, self._position(one)), []
        return None

    async def list_audit(self, wanted: JobFilter, job_id: str | None = None) -> list[AuditRow]:
        rows = []
        for at, (action, of, state) in enumerate(self.effects):
            job = self.job(of)
            if job_id in (None, of):
                rows.append(
                    AuditRow(
                        at,
                        LONG_AGO,
                        job.collection,
                        job.created_by,
                        action,
                        of,
                        job.kind,
                        job.source_id,
                        job.filename,
                        state,
                        None,
                    )
                )
        return rows[::-1][: wanted.limit]

    async def drop_old_jobs(self, ended_before: datetime, audited_before: datetime) -> int:
        del ended_before, audited_before
        return 0
