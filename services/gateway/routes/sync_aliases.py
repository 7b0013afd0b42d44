"""The paths and words of an administration page that calls fetched sources suppliers.

Each is another name of what is there: a supplier is a source of a URL, a sync is fetching it.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from services.gateway.handlers.answers import Accepted, ChangedJob
from services.gateway.ports.collections import CollectionBook
from services.gateway.ports.schedules import ScheduleBook
from services.gateway.ports.uploads import SourceBook
from services.gateway.routes.group_aliases import ALIASES
from services.gateway.routes.job_parameters import JOB
from services.gateway.routes.jobs import JobEndpoints
from services.gateway.routes.parameters import Collection, Served
from shared.contracts.jobs import Effect, JobPhase, JobRecord, JobState, ListEffects, ListJobs
from shared.contracts.schedules import ListSchedules
from shared.contracts.source_list import ListSources, SourceRow
from shared.http.access import By, OperateRoute, ReadRoute
from shared.http.problems import ProblemError, responses

MOST_JOBS_SHOWN, MOST_LOGS, LOGS = 50, 100, 50
Phase = Literal["pending", "downloading", "analyzing", "matching", "complete", "failed"]
Status = Literal["pending", "processing", "completed", "failed"]
STATUS: dict[JobState, Status] = {
    "queued": "pending",
    "running": "processing",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",
}
PHASES: dict[JobPhase, Phase] = {
    "acquiring": "downloading",
    "validating": "analyzing",
    "embedding": "analyzing",
    "projecting": "matching",
    "writing": "matching",
    "done": "complete",
}
SYNC = "/api/admin/sync/status"
RETRY = "/api/admin/jobs/{job}/retry"
AnyJob = Annotated[str, Path(max_length=64, description="The job's id.")]
LogLimit = Annotated[
    int, Query(ge=1, le=MOST_LOGS, description="The most entries of what was done.")
]
WHY_400 = "It is no id of a job."
WHY_409 = "It has not failed, or was retried three times, or another job has its source."


class AnalysisProgress(BaseModel):
    """How far a file is read."""

    items_processed: int = Field(description="Items that were gone through.")
    items_total: int | None = Field(description="Of so many; null: not known.")
    matches_found: int = Field(description="Items that were matched.")
    review_queue: int = Field(description="Items that somebody is to look at.")
    errors: int = Field(description="Items that nothing could be made of.")
    percentage: float | None = Field(description="Of the items; null: not known.")


class IngestionJob(BaseModel):
    """A job that fetches."""

    job_id: str = Field(description="Its id.")
    supplier_id: str = Field(description="Its source.")
    supplier_name: str = Field(description="The name of its source.")
    phase: Phase = Field(description="How far it is.")
    status: Status = Field(description="Where it stands.")
    analysis_progress: AnalysisProgress = Field(description="How far its file is read.")
    ml_job_id: str | None = Field(description="What the analysis service calls it.")
    error: str | None = Field(description="Why it failed or was cancelled.")
    retry_count: int = Field(description="How often it was retried; never reset.")
    max_retries: int = Field(description="How often it can be.")
    can_retry: bool = Field(description="Whether it can be retried now.")
    created_at: datetime = Field(description="When it was wanted.")
    started_at: datetime | None = Field(description="When it began.")
    completed_at: datetime | None = Field(description="When it ended.")


class Supplier(BaseModel):
    """A source of a URL."""

    id: str = Field(description="Its `source_id`.")
    name: str = Field(description="Its name on the map.")
    source_url: str | None = Field(description="Where it is fetched from.")
    status: str = Field(description="How far its content is.")
    items: int = Field(description="Its records on the map.")
    use_ml_processing: bool = Field(description="Whether it goes through an analysis service.")
    last_sync_at: datetime | None = Field(description="When its content came.")


class LogEntry(BaseModel):
    """Something that was done."""

    timestamp: datetime = Field(description="When.")
    job_id: str | None = Field(description="With which job.")
    source: str = Field(description="With which source.")
    message: str = Field(description="What, by whom, and how it came out.")


class SyncStatus(BaseModel):
    """What is fetched, and was."""

    sync_state: Literal["idle", "processing_suppliers"] = Field(
        description="Whether something is fetched or read."
    )
    current_phase: Phase | None = Field(description="Of the job that began first, if one runs.")
    jobs: list[IngestionJob] = Field(description="The newest first.")
    suppliers: list[Supplier] = Field(description="By name, 200 at most.")
    recent_logs: list[LogEntry] = Field(description="What was done, the newest first.")
    last_sync_at: datetime | None = Field(description="When the last of them succeeded.")
    next_scheduled_at: datetime | None = Field(description="The next slot of a schedule.")


class RetriedJob(BaseModel):
    """A job that is queued again."""

    job_id: str = Field(description="Its id.")
    status: Literal["retrying"] = Field(default="retrying", description="It waits for its turn.")
    message: str = Field(description="The same, for people.")


class SyncEndpoints:
    """Says in other words what the endpoints of jobs, sources and the audit say."""

    def __init__(
        self,
        served: Served,
        collections: CollectionBook,
        sources: SourceBook,
        jobs: JobEndpoints,
        schedules: ScheduleBook,
    ) -> None:
        self._served = served
        self._collections = collections
        self._sources = sources
        self._jobs = jobs
        self._schedules = schedules

    async def status(
        self, collection: Collection = None, log_limit: LogLimit = LOGS
    ) -> SyncStatus:
        """Tell what is fetched: `GET /api/jobs`, sources and audit in other words."""
        name = self._served.one(collection)
        asked = ListJobs(collection=name, kind="fetch", limit=MOST_JOBS_SHOWN)
        jobs = (await self._jobs.book.jobs(asked)).items
        record = await self._collections.find(name)
        rows = await self._sources.page(ListSources(collection=name, kind="url"))
        told = await self._jobs.book.effects(ListEffects(collection=name, limit=log_limit))
        planned = (await self._schedules.tell(ListSchedules(collection=name))).items
        running = [one for one in jobs if one.state == "running"]
        ends = [one.ended_at for one in jobs if one.state == "succeeded" and one.ended_at]
        is_analyzed = record is None or record.is_analyzed
        return SyncStatus(
            sync_state="processing_suppliers" if running else "idle",
            current_phase=_phase(running[-1]) if running else None,
            jobs=[_job(one) for one in jobs],
            suppliers=[_supplier(one, is_analyzed=is_analyzed) for one in rows.items],
            recent_logs=[_entry(one) for one in told.items],
            last_sync_at=max(ends, default=None),
            next_scheduled_at=min(
                (one.next_at for one in planned if not one.is_paused), default=None
            ),
        )

    async def retry(self, by: By, job: AnyJob) -> Any:
        """Queue a failed job again, `POST /api/jobs/{job}/retry` in other words."""
        if not re.fullmatch(JOB, job):
            raise ProblemError(400, f"'{job}' is no id of a job; {SYNC} lists them")
        done = await self._jobs.retry(by, job)
        if isinstance(done, ChangedJob | None):
            return RetriedJob(job_id=job, message="it is queued again")
        return done


def _phase(job: JobRecord) -> Phase:
    """Say in these words how far a job is: an analysis service's own go before ours."""
    if job.state in ("failed", "cancelled"):
        return "failed"
    if job.state == "queued":
        return "pending"
    if job.phase == "acquiring" and job.analysis is not None:
        told = job.analysis.phase
        return "matching" if told == "complete" else told
    return PHASES[job.phase]


def _job(job: JobRecord) -> IngestionJob:
    return IngestionJob(
        job_id=job.id,
        supplier_id=job.source_id,
        supplier_name=job.filename,
        phase=_phase(job),
        status=STATUS[job.state],
        analysis_progress=_progress(job),
        ml_job_id=job.analysis.remote_id if job.analysis else None,
        error=job.reason if job.state in ("failed", "cancelled") else None,
        retry_count=job.retries,
        max_retries=job.max_retries,
        can_retry=job.can_retry,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.ended_at,
    )


def _progress(job: JobRecord) -> AnalysisProgress:
    told, ours = job.analysis, job.progress
    done = told.items_processed if told else ours.done + ours.dead
    total = told.items_total if told else ours.seen or None
    return AnalysisProgress(
        items_processed=done,
        items_total=total,
        matches_found=told.matches_found if told else 0,
        review_queue=told.review_queue if told else 0,
        errors=told.errors if told else ours.dead,
        percentage=min(100.0, 100.0 * done / total) if total else None,
    )


def _supplier(row: SourceRow, *, is_analyzed: bool) -> Supplier:
    return Supplier(
        id=row.source_id,
        name=row.filename,
        source_url=row.upload.url if row.upload else None,
        status=row.status,
        items=row.mapped,
        use_ml_processing=is_analyzed,
        last_sync_at=row.upload.uploaded_at if row.upload else None,
    )


def _entry(one: Effect) -> LogEntry:
    reason = f": {one.reason}" if one.reason else ""
    return LogEntry(
        timestamp=one.at,
        job_id=one.job_id,
        source=one.filename,
        message=f"{one.kind} {one.action} by {one.who}, {one.outcome}{reason}",
    )


def build_sync_router(endpoints: SyncEndpoints) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=[ALIASES], route_class=OperateRoute)
    router.add_api_route(
        SYNC,
        endpoints.status,
        response_model=SyncStatus,
        responses=responses(404, 503),
        route_class_override=ReadRoute,
    )
    router.add_api_route(
        RETRY,
        endpoints.retry,
        methods=["POST"],
        status_code=202,
        response_model=RetriedJob | Accepted,
        responses=responses(400, 404, 409, 503, s400=WHY_400, s409=WHY_409),
    )
    return router
