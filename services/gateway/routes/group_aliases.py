"""The paths and words of an ingest page that calls collections document groups.

Each is another name of what is there: a group is a collection, an embedding job is a job.
"""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.convertors import Convertor, register_url_convertor

from services.gateway.handlers.answers import SubmittedJobs
from services.gateway.handlers.upload_answers import UploadAnswer
from services.gateway.ports.collections import CollectionBook
from services.gateway.ports.uploads import SourceBook
from services.gateway.routes.collections import NO_COLLECTION
from services.gateway.routes.job_parameters import Cancels, JobId, SourceId, SubmitRequest
from services.gateway.routes.jobs import NO_JOB, JobEndpoints
from services.gateway.routes.parameters import COLLECTION, CommandRequest
from services.gateway.routes.source_parameters import AfterFile, Said
from services.gateway.routes.uploads import WHY_413, WHY_415, UploadEndpoints, upload_body
from shared.contracts.collections import MOST_COLLECTIONS, CollectionRecord
from shared.contracts.jobs import MOST_JOBS, JobRecord, JobState, ListJobs
from shared.contracts.source_list import ListSources, SourceRow
from shared.http.access import By, OperateRoute, ReadRoute, check_fields
from shared.http.problems import ProblemError, responses

ALIASES = "aliases"
SourceState = Literal["uploaded", "validating", "embedding", "embedded", "failed", "deleted"]
Status = Literal["queued", "processing", "completed", "failed", "cancelled"]
STATES: dict[str, SourceState] = {
    "incomplete": "uploaded",
    "reading": "validating",
    "dispatched": "embedding",
    "completed": "embedded",
    "failed": "failed",
    "forgotten": "deleted",
}
JOB_STATUS: dict[JobState, Status] = {
    "queued": "queued",
    "running": "processing",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
Group = Annotated[str, Path(pattern=COLLECTION, description="The collection.")]
NO_SOURCES = "source_ids is empty: name some, as GET /api/groups/{}/sources lists them"
GROUP = "/api/groups/{group}"


class IdConvertor(Convertor[str]):
    """Parts of paths that are ids: so another path may end with a word in their place."""

    regex = "[0-9a-f]+"

    def convert(self, value: str) -> str:
        """Leave it to the parameter what it is."""
        return value

    def to_string(self, value: str) -> str:
        """Write it as it is."""
        return value


register_url_convertor("id", IdConvertor())


class DocumentGroup(BaseModel):
    """A collection."""

    id: str = Field(description="Its name, which stays.")
    name: str = Field(description="What people call it.")
    description: str = Field(description="What is in it.")
    source_count: int = Field(description="Its sources, from folders, too.")
    last_updated_at: datetime = Field(description="When the last of them was found or mapped.")


class SourceFile(BaseModel):
    """A source."""

    id: str = Field(description="Its `source_id`.")
    document_group_id: str = Field(description="Its collection.")
    filename: str = Field(description="Its name on the map.")
    version_label: str = Field(description="The number of its content; v0: none was read yet.")
    size_bytes: int = Field(description="Length of the content.")
    mime_type: str | None = Field(description="Of an uploaded or fetched one, what it is.")
    added_by: str | None = Field(description="Who handed it in.")
    added_at: datetime = Field(description="When.")
    status: SourceState = Field(description="How far it is.")
    last_updated_at: datetime = Field(description="When it was last found or mapped.")
    validation_error: str | None = Field(description="Why it cannot be read, and what to do.")


class EmbeddingJob(BaseModel):
    """A job."""

    id: str = Field(description="Its id.")
    document_group_id: str = Field(description="Its collection.")
    source_file_ids: list[str] = Field(description="Its source.")
    status: Status = Field(description="Where it stands.")
    started_at: datetime | None = Field(description="When it began.")
    completed_at: datetime | None = Field(description="When it ended.")
    failure_reason: str | None = Field(description="Why it failed, and what to do.")
    triggered_by: str = Field(description="Who wanted it.")
    queue_position: int | None = Field(description="In the queue of its collection.")
    run_duration_ms: int | None = Field(description="From its beginning to its end.")
    can_retry: bool = Field(description="Whether it can be retried.")


class DeletedSource(BaseModel):
    """A source that leaves the map."""

    id: str = Field(description="Its `source_id`.")
    job_id: str | None = Field(description="The job that takes it off; null: see `/operations`.")


class ReembedRequest(CommandRequest):
    """Which sources are embedded again."""

    source_ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=MOST_JOBS)
    ] = Field(description="Their ids.")


class GroupEndpoints:
    """Says in other words what the endpoints of collections, sources and jobs say."""

    def __init__(
        self,
        collections: CollectionBook,
        sources: SourceBook,
        jobs: JobEndpoints,
        uploads: UploadEndpoints,
    ) -> None:
        self._collections = collections
        self._sources = sources
        self._jobs = jobs
        self._uploads = uploads

    async def groups(self) -> list[DocumentGroup]:
        """List the collections, `GET /api/collections` in other words; 500 at most."""
        page = await self._collections.page(after="", limit=MOST_COLLECTIONS)
        return [await self._group(one) for one in page.items if one.state == "active"]

    async def _group(self, record: CollectionRecord) -> DocumentGroup:
        asked = ListSources(collection=record.name, limit=1, with_totals=True)
        totals = (await self._sources.page(asked)).totals
        last = totals.changed_at if totals else None
        return DocumentGroup(
            id=record.name,
            name=record.title,
            description=record.description,
            source_count=totals.sources if totals else 0,
            last_updated_at=max(record.created_at, last or record.created_at),
        )

    async def list_sources(self, group: Group, after: AfterFile = "") -> list[SourceFile]:
        """List 200 sources by name, `GET /api/collections/{name}/sources` in other words."""
        await self._known(group)
        page = await self._sources.page(ListSources(collection=group, after=after))
        return [_source(group, one) for one in page.items]

    async def upload(self, request: Request, by: By, group: Group, said: Said) -> Any:
        """Upload files, `POST /api/collections/{name}/sources` in other words; 400 if none is."""
        try:
            return await self._uploads.upload(request, by, group, said)
        except ProblemError as error:
            if error.status in (413, 422):  # too large, or none that is read
                raise ProblemError(400, error.detail, **error.more) from error
            raise

    async def remove(
        self, by: By, group: Group, source_id: SourceId, *, cancels: Cancels = False
    ) -> Any:
        """Take a source off the map, `DELETE /api/sources/{source_id}` in other words."""
        await self._known(group)
        done = await self._jobs.remove(by, source_id, collection=group, cancels=cancels)
        return DeletedSource(id=source_id, job_id=next(iter(_job_ids(done)), None))

    async def reembed(self, by: By, group: Group, body: ReembedRequest) -> Any:
        """Embed sources again, `POST /api/jobs` in other words; 400 if none is named."""
        await self._known(group)
        if not body.source_ids:
            raise ProblemError(400, NO_SOURCES.format(group))
        wish = SubmitRequest(kind="re-embed", sources=body.source_ids)
        return await self._jobs.submit(by, wish, collection=group)

    async def job(self, group: Group, job: JobId) -> EmbeddingJob:
        """Return a job, `GET /api/jobs/{job}` in other words."""
        page = await self._jobs.book.jobs(ListJobs(job=job, collection=group))
        if not page.items:
            raise ProblemError(404, NO_JOB.format(job))
        return _job(page.items[0])

    async def _known(self, group: str) -> None:
        if await self._collections.find(group) is None:
            raise ProblemError(404, NO_COLLECTION.format(group))


def _job_ids(done: Any) -> list[str]:
    """Return the jobs of an answer; none if it is not known yet."""
    if isinstance(done, JSONResponse):
        return list(json.loads(bytes(done.body)).get("job_ids", ()))
    return list(done.job_ids) if isinstance(done, SubmittedJobs) else []


def _source(group: str, row: SourceRow) -> SourceFile:
    upload = row.upload
    return SourceFile(
        id=row.source_id,
        document_group_id=group,
        filename=row.filename,
        version_label=f"v{row.source_version}",
        size_bytes=row.size_bytes,
        mime_type=upload.media_type if upload else None,
        added_by=upload.uploaded_by if upload else None,
        added_at=upload.uploaded_at if upload else row.discovered_at,
        status=STATES[row.status],
        last_updated_at=row.completed_at or row.discovered_at,
        validation_error=row.reason,
    )


def _job(job: JobRecord) -> EmbeddingJob:
    began, ended = job.started_at, job.ended_at
    lasted = (ended - began).total_seconds() if began and ended else None
    return EmbeddingJob(
        id=job.id,
        document_group_id=job.collection,
        source_file_ids=[job.source_id],
        status=JOB_STATUS[job.state],
        started_at=began,
        completed_at=ended,
        failure_reason=job.reason if job.state == "failed" else None,
        triggered_by=job.created_by,
        queue_position=job.position,
        run_duration_ms=None if lasted is None else round(lasted * 1000),
        can_retry=job.can_retry,
    )


def build_group_router(endpoints: GroupEndpoints) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=[ALIASES], route_class=ReadRoute)
    get, known = router.add_api_route, responses(404, 503)
    get("/api/groups", endpoints.groups, response_model=list[DocumentGroup], responses=known)
    get(
        f"{GROUP}/sources",
        endpoints.list_sources,
        response_model=list[SourceFile],
        responses=known,
    )
    get(
        f"{GROUP}/embedding-jobs/{{job}}",
        endpoints.job,
        response_model=EmbeddingJob,
        responses=known,
    )
    router.add_api_route(
        f"{GROUP}/sources",
        endpoints.upload,
        methods=["POST"],
        status_code=202,
        response_model=UploadAnswer,
        responses=responses(400, 404, 408, 413, 415, 422, 503, s413=WHY_413, s415=WHY_415),
        openapi_extra=upload_body(),
        route_class_override=OperateRoute,
    )
    for path, endpoint, method, answer, status in (
        (f"{GROUP}/sources/{{source_id:id}}", endpoints.remove, "DELETE", DeletedSource, 200),
        (f"{GROUP}/sources/reembed", endpoints.reembed, "POST", SubmittedJobs, 202),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=status,
            response_model=answer,
            responses=responses(400, 404, 409, 413, 503),
            dependencies=[Depends(check_fields)],
            route_class_override=OperateRoute,
        )
    return router
