"""Jobs: what takes long, from the wish for it to its end, and who had what done."""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from shared.contracts.base import MAX_INT64, Collection, Event, Message, Outcome, Reason

JobKind = Literal["re-embed", "delete", "fetch", "upload"]
JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
JobPhase = Literal["acquiring", "validating", "embedding", "projecting", "writing", "done"]
EffectKind = JobKind | Literal["preferences", "schedule", "manifest", "match"]
JobId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8,64}$")]
AnalysisPhase = Literal["downloading", "analyzing", "matching", "complete"]
RemoteId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._~:-]{1,128}$")]
MOST_JOBS = 500
"""In one wish, and on a page."""
MAX_WHY = 200
MAX_SOURCE = 4096
Count = Annotated[int, Field(ge=0, le=MAX_INT64)]


class JobProgress(Message):
    """Records of the version that a job makes, and bytes of its file; they only grow."""

    seen: Count = Field(default=0, description="Read from the source so far.")
    done: Count = Field(default=0, description="Of these, embedded and waiting, or shown.")
    dead: Count = Field(default=0, description="Of these, dead-lettered.")
    received_bytes: Count = Field(
        default=0, description="Of the file that it brings, the bytes that have come."
    )
    total_bytes: Count | None = Field(
        default=None, description="How many there are; null: nobody has said so yet."
    )


class JobAnalysis(Message):
    """What an analysis service tells of a file, in its own words; the job has ours."""

    phase: AnalysisPhase = Field(
        description="downloading: it has not been handed over yet; complete: the service is done."
    )
    items_processed: Count = Field(default=0, description="Items that it has gone through.")
    items_total: Count | None = Field(default=None, description="Of so many; null: not told.")
    matches_found: Count = Field(default=0, description="Items that it has matched.")
    review_queue: Count = Field(default=0, description="Items that somebody is to look at.")
    errors: Count = Field(default=0, description="Items that it could not make anything of.")
    remote_id: RemoteId | None = Field(
        default=None, description="What the service calls it; null: it was not asked yet."
    )


class JobRecord(Message):
    """A job, whole."""

    id: JobId = Field(description="Its identity; the same command makes the same ids.")
    collection: Collection = Field(description="The collection of its source.")
    kind: JobKind = Field(description="What it does.")
    source_id: str = Field(description="Hash of collection and filename.")
    filename: str = Field(description="The source's path below its root, with '/'.")
    state: JobState = Field(description="Where it stands; the last three are ends.")
    phase: JobPhase = Field(
        description="How far it is; while it runs it never goes back. embedding has projecting in "
        "it: the ledger hears of a batch when that waits to be shown."
    )
    revision: int = Field(ge=1, le=MAX_INT64, description="1 at first, then counting its changes.")
    position: int | None = Field(
        default=None, ge=1, description="In the queue of its collection; null if not queued."
    )
    progress: JobProgress = Field(default=JobProgress(), description="Its records, counted.")
    warnings: Count = Field(default=0, description="Records that died: it ended without them.")
    is_stalled: bool = Field(default=False, description="Whether nothing of it moves.")
    is_fresh: bool = Field(
        default=False, description="Whether vectors known from before are passed by."
    )
    preferences: int | None = Field(
        default=None,
        description="The version of the collection's preferences by which it reads; null: by "
        "columns of the source.",
    )
    retries: int = Field(default=0, ge=0, description="How often it was retried; never reset.")
    max_retries: int = Field(default=3, ge=0, description="How often it can be.")
    can_retry: bool = Field(default=False, description="Whether it can be retried now.")
    can_cancel: bool = Field(default=False, description="Whether it can be cancelled now.")
    source_version: int | None = Field(
        default=None, description="The version of the source that it makes; null until then."
    )
    created_at: AwareDatetime = Field(description="When it was submitted, in UTC.")
    created_by: str = Field(description="Who submitted it, as audits name people.")
    why: str | None = Field(default=None, description="Why, in the words of whoever did.")
    started_at: AwareDatetime | None = Field(
        default=None, description="When its last attempt began; null while it is queued."
    )
    ended_at: AwareDatetime | None = Field(default=None, description="When it ended.")
    reason: Reason | None = Field(
        default=None,
        description="Why it failed or was cancelled, and what to do; of one that has succeeded, "
        "that nothing was new, or that an analysis service keeps what it has found.",
    )
    analysis: JobAnalysis | None = Field(
        default=None,
        description="Of a file that an analysis service reads: what that tells; null: it is ours.",
    )


class JobChanged(Event):
    """A job was submitted, or something of it has changed: its state, phase, flags or counts."""

    family: ClassVar[str] = "job.changed"
    settles_as: ClassVar[Outcome | None] = "done"

    job: JobRecord = Field(
        description="All of it as it was then; each event of a job has the next revision."
    )


class SubmittedJob(Message):
    """What became of the wish for one job."""

    source: str = Field(description="The source, as it was asked for.")
    job: JobRecord | None = Field(default=None, description="Its job; null if there is none.")
    reason: Reason | None = Field(default=None, description="Why there is none.")


class JobsSubmitted(Event):
    """Jobs were queued as a command asked, each or not."""

    family: ClassVar[str] = "jobs.submitted"
    settles_as: ClassVar[Outcome | None] = "done"

    kind: JobKind = Field(description="What they do.")
    jobs: tuple[SubmittedJob, ...] = Field(description="One for each source, in that order.")


class ListJobs(Message):
    """Asks for jobs, the newest first; those that fit every field that is given."""

    collection: Collection | None = Field(default=None, description="Of this collection.")
    states: tuple[JobState, ...] = Field(default=(), description="In one of these states.")
    kind: JobKind | None = Field(default=None, description="Of this kind.")
    source: str | None = Field(
        default=None, max_length=MAX_SOURCE, description="Of this source, by filename or id."
    )
    job: JobId | None = Field(default=None, description="Only this one, with its log.")
    before: int | None = Field(
        default=None, ge=1, le=MAX_INT64, description="next_before of the page before."
    )
    limit: int = Field(default=50, ge=1, le=MOST_JOBS, description="The most on the page.")


class JobLine(Message):
    """A line of a job's log."""

    at: AwareDatetime = Field(description="When, in UTC.")
    line: str = Field(description="What happened.")


class JobPage(Message):
    """A page of jobs, the newest first."""

    items: tuple[JobRecord, ...] = Field(description="The jobs.")
    next_before: int | None = Field(
        default=None, description="`before` of the next page; null if this is the last."
    )
    log: tuple[JobLine, ...] = Field(
        default=(), description="If one job was asked for: the last fifty lines of its log."
    )


class ListEffects(Message):
    """Asks for what was done with jobs and sources, the newest first."""

    collection: Collection | None = Field(default=None, description="In this collection.")
    source: str | None = Field(
        default=None, max_length=MAX_SOURCE, description="With this source, by filename or id."
    )
    job: JobId | None = Field(default=None, description="With this job.")
    before: int | None = Field(
        default=None, ge=1, le=MAX_INT64, description="next_before of the page before."
    )
    limit: int = Field(default=50, ge=1, le=MOST_JOBS, description="The most on the page.")


class Effect(Message):
    """One thing that was done, noted in the transaction that did it."""

    number: int = Field(ge=1, description="Counts up with each.")
    at: AwareDatetime = Field(description="When, in UTC.")
    collection: Collection = Field(description="The collection.")
    who: str = Field(description="Who had it done, as audits name people.")
    action: Literal["submit", "cancel", "retry", "end", "add", "change", "remove"] = Field(
        description="end: the job came to its end by itself, for whoever submitted it. The last "
        "three are of preferences, schedules, manifests and decisions of matches; of a manifest, "
        "end is that of a run, and change also that one of its sources is not fetched any more."
    )
    kind: EffectKind = Field(description="What the job does, or what was changed.")
    job_id: JobId = Field(description="The job; of others, an id of their own.")
    source_id: str = Field(description="Hash of collection and filename.")
    filename: str = Field(description="The source's path below its root, with '/'.")
    outcome: JobState = Field(description="The job's state after it.")
    reason: Reason | None = Field(default=None, description="Why.")


class EffectPage(Message):
    """A page of effects, the newest first."""

    items: tuple[Effect, ...] = Field(description="The effects.")
    next_before: int | None = Field(
        default=None, description="`before` of the next page; null if this is the last."
    )
