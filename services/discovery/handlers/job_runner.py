"""Does what running jobs need, and tells of what changed of any job."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

import structlog

from services.discovery.domain.job_kinds import KINDS, can_be_read, waits_for_columns
from services.discovery.domain.jobs import Job
from services.discovery.domain.ledger import SourceRecord
from services.discovery.handlers.bare_batches import discarding_batch, forgetting_batch
from services.discovery.handlers.jobs import record_of
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.ports.jobs import JobNews, JobStore
from shared.bus.messages.outgoing import Outgoing, Steps, outgoing_batch, outgoing_event
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.jobs import JOB_CHANGED
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.jobs import JobChanged
from shared.failpoints import Failpoint, reached

NEWS_AT_ONCE = 256
AGAIN_S = 5.0
"""So often a source is looked at that a job waits for."""
MISSING = "its file is not there; put it back, or delete the source"
log = structlog.get_logger(__name__)


class SourceFiles(Protocol):
    """What is kept of uploaded sources. Every method may raise ``TransientError``."""

    async def follow(self) -> None:
        """Have the files read that jobs have brought, and those removed that went.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        ...

    async def rechoose(self, job: Job) -> bool:
        """Have the source of a job read by the columns of the job; false if there is none.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        ...

    async def refresh(self, source: str) -> None:
        """Have a source read as the ledger says now.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...


class JobRunner:
    """Has sources looked at and forgotten for the jobs that run.

    What it knows by itself is only what it did a moment ago: the ledger says which jobs run, and
    whatever it does for one is harmless when it is done again.
    """

    def __init__(
        self,
        store: JobStore,
        scanner: SourceScanner,
        clock: Clock,
        *,
        look: Callable[[frozenset[str]], Awaitable[None]],
        files: SourceFiles,
        is_served: Callable[[str], Awaitable[bool]],
    ) -> None:
        """Take what it needs.

        Args:
            store: The jobs.
            scanner: Knows where files lie, who has a source in hand, and its epoch.
            clock: Says how long ago a source was looked at.
            look: Asks for a look at paths.
            files: The uploaded ones.
            is_served: Tells whether a collection is worked on, and is not being deleted.
        """
        self._store = store
        self._find = scanner.path_of
        self._locks = scanner.locks
        self._epochs = scanner.epochs
        self._clock = clock
        self._look = look
        self._files = files
        self._is_served = is_served
        self._done: dict[str, float] = {}
        """What was done for a job or a source, and when."""
        self.work = asyncio.Event()
        """Set whenever there may be something to do."""
        self.news = asyncio.Event()
        """Set whenever there may be something to tell."""
        store.tell_jobs_to(self._wake)

    async def waiting(self) -> set[str]:
        """Name the collections in which there is something to do.

        Raises:
            TransientError: The ledger could not be read.
        """
        await self._files.follow()
        running = await self._store.running_jobs()
        discarded = await self._store.discarding()
        keys = {job.id for job, _ in running} | {_key(one) for one in discarded}
        self._done = {key: at for key, at in self._done.items() if key in keys}
        names = {job.collection for job, _ in running} | {one.collection for one in discarded}
        return {name for name in names if await self._is_served(name)}

    async def turn(self, collection: str) -> Steps:
        """Do once what is to be done in a collection.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        for job, path in await self._store.running_jobs(collection):
            if KINDS[job.kind].forgets:
                async for messages in self._forget(job):
                    yield messages
            else:
                await self._have_read(job, path)
        for source in await self._store.discarding(collection):
            if self._is_due(_key(source)):
                reached(Failpoint.DISCARDING)
                batch = _bare(source)
                yield [outgoing_batch(DISCOVERY_BATCH, self._epochs.date(batch))]

    async def tell(self) -> Steps:
        """Tell what has changed of jobs since that was told last.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        while some := await self._store.job_news(NEWS_AT_ONCE):
            for one in some:  # one by one: in the order in which it happened
                if one.job.preferences is not None and not one.job.is_active:
                    await self._files.refresh(one.job.source_id)
                yield [_told(one)]
            reached(Failpoint.JOBS_TOLD)
            await self._store.job_news_told(some[-1].number)

    async def _have_read(self, job: Job, path: str) -> None:
        await self._files.follow()
        if waits_for_columns(job):
            if not await self._files.rechoose(job):
                await self._store.fail_job(job.id, MISSING)
            return
        if job.version is not None or not can_be_read(job) or not self._is_due(job.id):
            return
        found = await self._find(job.collection, job.source_id, path)
        if found is None:
            await self._store.fail_job(job.id, MISSING)
        else:
            await self._look(frozenset((found,)))

    async def _forget(self, job: Job) -> Steps:
        if job.version is not None and not self._is_due(job.id):
            return
        async with self._locks.hold(job.source_id):
            source = await self._store.forget_for_job(job.id)
        reached(Failpoint.FORGETTING)
        await self._files.follow()
        if source is not None:
            self._done[job.id] = self._clock.monotonic()
            yield [outgoing_batch(DISCOVERY_BATCH, self._epochs.date(forgetting_batch(source)))]

    def _is_due(self, key: str) -> bool:
        """Tell whether something is to be done now, and note that it is."""
        now_s = self._clock.monotonic()
        if now_s - self._done.get(key, -AGAIN_S) < AGAIN_S:
            return False
        self._done[key] = now_s
        return True

    def _wake(self) -> None:
        self.work.set()
        self.news.set()


async def drop_old(store: JobStore, clock: Clock, jobs: timedelta, audit: timedelta) -> None:
    """Remove jobs that ended long ago, and what was noted of them longer ago.

    Raises:
        TransientError: The ledger could not be written.
    """
    now = clock.now()
    if gone := await store.drop_old_jobs(now - jobs, now - audit):
        log.info("jobs.dropped", jobs=gone)


def _bare(source: SourceRecord) -> Batch:
    """Return what takes back a version that nobody wants any more, or the whole source."""
    return forgetting_batch(source) if source.is_forgotten else discarding_batch(source)


def _key(source: SourceRecord) -> str:
    return f"{source.source_id}:{source.source_version}"


def _told(news: JobNews) -> Outgoing:
    job = news.job
    event = JobChanged(
        id=JobChanged.id_of(job.id, job.revision),
        collection=job.collection,
        occurred_at=news.at,
        correlation_id=news.correlation_id,
        job=record_of(job),
    )
    return outgoing_event(JOB_CHANGED, event)
