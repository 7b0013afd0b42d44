"""Jobs: what takes long and is told to its end. Their states, and what may follow on what.

A job is queued, then runs, then has ended: succeeded, failed or cancelled. Only a failed one is
queued again, by hand and a few times. Its phase never goes back while it runs, nor do its counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal, get_args

from services.discovery.domain.analyses import Analysis

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Phase = Literal["acquiring", "validating", "embedding", "projecting", "writing", "done"]
Ending = Literal["succeeded", "failed", "cancelled"]
STATES: tuple[JobState, ...] = get_args(JobState)
PHASES: tuple[Phase, ...] = get_args(Phase)
ACTIVE: tuple[JobState, ...] = ("queued", "running")
AT_ONCE = 3
"""So many jobs of a collection run at a time."""
MOST_RETRIES = 3
UNCHANGED = "it is what was there before: nothing is new"
STEPS = 50
"""While a job runs, its counts are told when they have grown by one part in so many."""
LEAST_STEP = 100
"""Or by so many records, if that is more."""
LEAST_BYTES = 1 << 20
"""Or by so many bytes of a file that comes."""


class JobRefusedError(Exception):
    """What was asked of a job cannot be done; says why."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of the version that a job makes; they only grow while it runs."""

    seen: int = 0
    """Read from the source."""
    done: int = 0
    """Of these, waiting to be shown, or shown."""
    dead: int = 0
    """Of these, dead-lettered."""

    def grown_to(self, other: "Counts") -> "Counts":
        """Return the larger of each number."""
        pairs = ((getattr(self, one.name), getattr(other, one.name)) for one in fields(self))
        return Counts(*(max(pair) for pair in pairs))


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work about one source."""

    id: str
    collection: str
    kind: str
    """A row of ``KINDS``."""
    source_id: str
    filename: str
    place: int
    """In the queue of its collection: the lowest is the next. A retried job has a new one."""
    created_at: datetime
    created_by: str
    why: str | None = None
    """In the words of whoever asked for it."""
    is_fresh: bool = False
    """Whether vectors that are known from before are passed by."""
    preferences: int | None = None
    """The version of its collection's preferences by which it reads; None: as its source says."""
    state: JobState = "queued"
    phase: Phase = "acquiring"
    retries: int = 0
    """How often it was queued again by hand; never reset."""
    revision: int = 1
    started_at: datetime | None = None
    """Of the last attempt."""
    ended_at: datetime | None = None
    reason: str | None = None
    """Why it failed or was cancelled."""
    version: int | None = None
    """The version of the source that it makes, once that has begun."""
    is_decided: bool = False
    """Whether it only goes forward from here: it cannot be cancelled any more."""
    is_stalled: bool = False
    counts: Counts = Counts()
    analysis: Analysis | None = None
    """What an analysis service has told of its file; None: nothing."""
    received: int = 0
    """Bytes that have come of the file that it brings."""
    total: int | None = None
    """How many there are, if that is known."""
    is_kept: bool = True
    """Whether what another try needs is still there; who lists jobs looks."""

    @property
    def is_active(self) -> bool:
        """Whether it has not ended."""
        return self.state in ACTIVE

    @property
    def can_retry(self) -> bool:
        """Whether it may be queued again."""
        return self.state == "failed" and self.retries < MOST_RETRIES and self.is_kept

    @property
    def can_cancel(self) -> bool:
        """Whether it may be cancelled."""
        return self.is_active and not self.is_decided

    @property
    def has_warnings(self) -> bool:
        """Whether records of it died."""
        return self.counts.dead > 0


@dataclass(frozen=True, slots=True)
class View:
    """What the ledger shows of a job that runs."""

    phase: Phase = "acquiring"
    counts: Counts = Counts()
    is_decided: bool = False
    is_stalled: bool = False
    ending: Ending | None = None
    reason: str | None = None


def start(job: Job, now: datetime) -> Job:
    """Return what a job becomes when it is its turn."""
    if job.state != "queued":
        raise JobRefusedError(f"job {job.id} is {job.state}")
    return _next(job, state="running", started_at=now)


def follow(job: Job, view: View, now: datetime) -> Job:
    """Return what a running job becomes by what the ledger shows of it now.

    It is the same job if nothing of it is worth telling: counts alone are in steps.
    """
    if job.state != "running":
        return job
    phase = max(job.phase, view.phase, key=PHASES.index)
    counts = job.counts.grown_to(view.counts)
    is_decided = job.is_decided or view.is_decided
    if view.ending is not None:
        phase = "done" if view.ending == "succeeded" else phase
        return _next(
            job,
            state=view.ending,
            phase=phase,
            counts=counts,
            is_decided=is_decided,
            is_stalled=False,
            ended_at=now,
            reason=view.reason,
        )
    after = replace(job, phase=phase, is_decided=is_decided, is_stalled=view.is_stalled)
    if after == job and not _is_a_step(job.counts, counts):
        return job
    return _next(after, counts=counts)


def receive(job: Job, received: int, total: int | None) -> Job:
    """Return what a job becomes when so many bytes have come of its file.

    It is the same job if that is no step worth telling; one that begins anew takes nothing back.
    """
    if job.state != "running":
        return job
    total = job.total if total is None else total
    step = max(LEAST_BYTES, (total or 0) // STEPS)
    is_whole = received == total and received > job.received
    if total == job.total and received < job.received + step and not is_whole:
        return job
    return _next(job, received=max(received, job.received), total=total)


def cancel(job: Job, now: datetime, reason: str) -> Job:
    """Return a job that is cancelled.

    Raises:
        JobRefusedError: It has ended, or it is too late.
    """
    if not job.is_active:
        raise JobRefusedError(f"job {job.id} has ended: it has {_WORDS[job.state]}")
    if job.is_decided:
        raise JobRefusedError(
            f"it is too late to cancel job {job.id}: what it makes is being shown; it ends soon"
        )
    return _next(job, state="cancelled", ended_at=now, is_stalled=False, reason=reason)


def retry(job: Job, place: int) -> Job:
    """Return a failed job that is queued again, at the end.

    Raises:
        JobRefusedError: It has not failed, or it was queued again often enough.
    """
    if job.state != "failed":
        raise JobRefusedError(f"job {job.id} has not failed: it {_PRESENT[job.state]}")
    if job.retries >= MOST_RETRIES:
        raise JobRefusedError(
            f"job {job.id} was retried {MOST_RETRIES} times; mend what it fails for, and submit "
            "another one"
        )
    return _next(
        job,
        state="queued",
        place=place,
        phase="acquiring",
        retries=job.retries + 1,
        started_at=None,
        ended_at=None,
        reason=None,
        version=None,
        is_decided=False,
        is_stalled=False,
        counts=Counts(),
        analysis=None,
        received=0,
        total=None,
    )


def admitted(running: int, queued: Sequence[Job]) -> list[Job]:
    """Choose those of one collection's queue that may start, given how many run."""
    free = max(0, AT_ONCE - running)
    return sorted(queued, key=lambda job: job.place)[:free]


_WORDS = {"succeeded": "succeeded", "failed": "failed", "cancelled": "been cancelled"}
_PRESENT = {
    "queued": "is queued",
    "running": "runs",
    "succeeded": "has succeeded",
    "cancelled": "was cancelled",
}


def _is_a_step(told: Counts, now: Counts) -> bool:
    step = max(LEAST_STEP, told.seen // STEPS)
    return now.done + now.dead >= told.done + told.dead + step


def _next(job: Job, **changes: Any) -> Job:
    return replace(job, revision=job.revision + 1, **changes)
