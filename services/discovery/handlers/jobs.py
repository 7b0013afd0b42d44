"""Carries out commands about jobs, and answers who asks for them."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Protocol

import structlog

from services.discovery.domain.fetches import FetchOrder
from services.discovery.domain.jobs import MOST_RETRIES, Job, JobRefusedError
from services.discovery.domain.sources import source_id
from services.discovery.handlers.forget import Rejected
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.ports.fetches import FetchQueue
from services.discovery.ports.jobs import (
    AuditRow,
    JobFilter,
    JobStore,
    ListedJob,
    Order,
    Submitted,
    Wish,
)
from shared.bus.messages.outgoing import Outgoing, outgoing_event
from shared.bus.messages.received_command import ReceivedCommand
from shared.bus.registry.jobs import JOBS_SUBMITTED
from shared.clock import Clock
from shared.contracts.commands import Cancel, Retry, Submit
from shared.contracts.fetching import Fetch
from shared.contracts.jobs import (
    Effect,
    EffectPage,
    JobKind,
    JobLine,
    JobPage,
    JobProgress,
    JobRecord,
    JobsSubmitted,
    ListEffects,
    ListJobs,
    SubmittedJob,
)
from shared.failpoints import Failpoint, reached

REASONS = 3
"""Of the sources that were all refused, so many are told."""
log = structlog.get_logger(__name__)


class SubmittedStore(JobStore, FetchQueue, Protocol):
    """Where jobs of every kind are queued."""


class JobCommands:
    """What becomes of commands about jobs."""

    def __init__(
        self,
        store: SubmittedStore,
        locks: SourceLocks,
        clock: Clock,
        refresh: Callable[[str], Awaitable[None]],
    ) -> None:
        """Take the jobs, who has a source in hand, and what has one read as the ledger says."""
        self._store = store
        self._locks = locks
        self._clock = clock
        self._refresh = refresh

    async def carry_out(
        self, command: ReceivedCommand, wanted: Submit | Fetch | Cancel | Retry
    ) -> Outgoing | Rejected | None:
        """Carry out a command; returns its answer.

        What is told of a job that was cancelled or retried answers that: then there is none.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        wish = Wish(command.given.key, command.given.who, command.cause)
        if isinstance(wanted, Submit):
            return await self._submit(command, wanted, wish)
        if isinstance(wanted, Fetch):
            done = await self._store.submit_fetches(_fetches(command.collection, wanted), wish)
            return self._submitted(command, "fetch", wish, done)
        collection = command.collection
        try:
            if isinstance(wanted, Retry):
                job = await self._store.retry_job(collection, wanted.job, wish)
            else:
                job = await self._cancel(collection, wanted.job, wish)
        except JobRefusedError as error:
            return Rejected(str(error))
        reached(Failpoint.SUBMITTED)
        log.info(wanted.family, job=job.id, state=job.state)
        return None

    async def _cancel(self, collection: str, job_id: str, wish: Wish) -> Job:
        """Cancel a job while nobody reads its source.

        Raises:
            JobRefusedError: There is no such job, it has ended, or it is too late.
            TransientError: The ledger could not be read or written.
        """
        found = await self._store.find_job(job_id)
        if found is None or found[0].job.collection != collection:
            raise JobRefusedError(f"collection '{collection}' has no job '{job_id}'")
        async with self._locks.hold(found[0].job.source_id):
            job = await self._store.cancel_job(collection, job_id, wish)
            if job.preferences is not None:
                await self._refresh(job.source_id)
            return job

    async def _submit(
        self, command: ReceivedCommand, wanted: Submit, wish: Wish
    ) -> Outgoing | Rejected:
        order = Order(
            collection=command.collection,
            kind=wanted.kind,
            sources=tuple(dict.fromkeys(wanted.sources)),
            why=wanted.why,
            is_fresh=wanted.is_fresh,
            cancels=wanted.cancels,
            with_preferences=wanted.with_preferences,
        )
        async with AsyncExitStack() as stack:
            if order.cancels:
                named = {source_id(order.collection, one) for one in order.sources}
                for one in sorted({*named, *order.sources}):
                    await stack.enter_async_context(self._locks.hold(one))
            done = await self._store.submit_jobs(order, wish)
        return self._submitted(command, wanted.kind, wish, done)

    def _submitted(
        self, command: ReceivedCommand, kind: JobKind, wish: Wish, done: Sequence[Submitted]
    ) -> Outgoing | Rejected:
        reached(Failpoint.SUBMITTED)
        begun = [one.job for one in done if one.job is not None]
        log.info("jobs.queued", kind=kind, jobs=len(begun), refused=len(done) - len(begun))
        if not begun:
            are_unknown = all(one.is_unknown for one in done)
            return Rejected(_why_none(done), is_unknown=are_unknown)
        event = JobsSubmitted(
            id=JobsSubmitted.id_of(command.collection, _digest(wish.key)),
            collection=command.collection,
            occurred_at=self._clock.now(),
            correlation_id=command.cause,
            kind=kind,
            jobs=tuple(
                SubmittedJob(
                    source=one.source, job=one.job and record_of(one.job), reason=one.reason
                )
                for one in done
            ),
        )
        return outgoing_event(JOBS_SUBMITTED, event)


class JobBook:
    """Answers which jobs there are, and what was done with them."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    async def page(self, asked: ListJobs) -> JobPage:
        """Answer with a page of jobs, or with one and its log.

        Raises:
            TransientError: The ledger could not be read.
        """
        if asked.job is not None:
            found = await self._store.find_job(asked.job)
            if found is None or asked.collection not in (None, found[0].job.collection):
                return JobPage(items=())
            lines = (JobLine(at=one.at, line=one.line) for one in found[1])
            return JobPage(items=(_listed(found[0]),), log=tuple(lines))
        wanted = JobFilter(
            collection=asked.collection,
            states=asked.states,
            kind=asked.kind,
            source_id=_source(asked.collection, asked.source),
            before=asked.before,
            limit=asked.limit + 1,
        )
        rows = await self._store.list_jobs(wanted)
        page = rows[: asked.limit]
        after = page[-1].number if len(rows) > len(page) else None
        return JobPage(items=tuple(map(_listed, page)), next_before=after)

    async def effects(self, asked: ListEffects) -> EffectPage:
        """Answer with a page of what was done.

        Raises:
            TransientError: The ledger could not be read.
        """
        wanted = JobFilter(
            collection=asked.collection,
            source_id=_source(asked.collection, asked.source),
            before=asked.before,
            limit=asked.limit + 1,
        )
        rows = await self._store.list_audit(wanted, asked.job)
        page = rows[: asked.limit]
        after = page[-1].number if len(rows) > len(page) else None
        return EffectPage(items=tuple(map(_effect, page)), next_before=after)


def record_of(job: Job, position: int | None = None) -> JobRecord:
    """Say in the words of the contract what a job is."""
    counts = job.counts
    return JobRecord.model_validate(
        {
            "id": job.id,
            "collection": job.collection,
            "kind": job.kind,
            "source_id": job.source_id,
            "filename": job.filename,
            "state": job.state,
            "phase": job.phase,
            "revision": job.revision,
            "position": position,
            "progress": JobProgress(
                seen=counts.seen,
                done=counts.done,
                dead=counts.dead,
                received_bytes=job.received,
                total_bytes=job.total,
            ),
            "warnings": counts.dead,
            "is_stalled": job.is_stalled,
            "is_fresh": job.is_fresh,
            "preferences": job.preferences,
            "retries": job.retries,
            "max_retries": MOST_RETRIES,
            "can_retry": job.can_retry,
            "can_cancel": job.can_cancel,
            "source_version": job.version,
            "created_at": job.created_at,
            "created_by": job.created_by,
            "why": job.why,
            "started_at": job.started_at,
            "ended_at": job.ended_at,
            "reason": job.reason,
            "analysis": job.analysis and asdict(job.analysis),
        }
    )


def _listed(one: ListedJob) -> JobRecord:
    return record_of(one.job, one.position)


def _effect(row: AuditRow) -> Effect:
    return Effect.model_validate({name: getattr(row, name) for name in Effect.model_fields})


def _source(collection: str | None, source: str | None) -> str | None:
    """Return the id of a source that is named; without a collection only its id names it."""
    if source is None or collection is None:
        return source
    return source if _is_id(source) else source_id(collection, source)


def _is_id(source: str) -> bool:
    return len(source) == len(source_id("a", "a")) and not set(source) - set("0123456789abcdef")


def _fetches(collection: str, wanted: Fetch) -> FetchOrder:
    return FetchOrder(
        collection=collection,
        urls=wanted.urls,
        filename=wanted.filename,
        text_columns=wanted.text_columns,
        context_columns=wanted.context_columns,
        columns=wanted.columns,
        why=wanted.why,
    )


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _why_none(done: Sequence[Submitted]) -> str:
    reasons = list(dict.fromkeys(one.reason for one in done if one.reason))
    more = f"; and {len(reasons) - REASONS:,} more" if len(reasons) > REASONS else ""
    return "; ".join(reasons[:REASONS]) + more
