"""Endpoints about jobs: what takes long, who had it done, and how it came out."""

from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.gateway.handlers.answers import Accepted, ChangedJob, SubmittedJobs
from services.gateway.handlers.commands import Commands
from services.gateway.ports.jobs import JobBook
from services.gateway.routes.commands import ACCEPTED, LINKS, settled
from services.gateway.routes.job_parameters import (
    AnyCollection,
    Before,
    Cancels,
    FetchRequest,
    JobId,
    OfJob,
    OfKind,
    OfSource,
    OfStates,
    SourceId,
    SubmitRequest,
)
from services.gateway.routes.parameters import Collection, Limit, Served
from shared.contracts.base import Command
from shared.contracts.commands import Cancel, Retry, Submit
from shared.contracts.fetching import Fetch
from shared.contracts.jobs import EffectPage, JobPage, ListEffects, ListJobs
from shared.http.access import By, OperateRoute, ReadRoute, check_fields
from shared.http.problems import ProblemError, responses

NO_JOB = "there is no job '{}'; GET /api/jobs lists what there is"
WHY_503 = "The bus is away, or discovery does not answer."
TOO_LATE_409 = "It has ended, or it is too late."
NOT_FAILED_409 = "It has not failed, or was retried three times, or another job has its source."
NONE_409 = "There can be no job: a source has nothing to embed, or another job has it."
FETCHED_409 = "There can be no job: another one fetches from there already."
SUBMITTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The jobs are queued; what is told of each says how far it is. Or it takes "
        "longer; `operation` says where to ask.",
        "links": LINKS,
    }
}


class JobEndpoints:
    """Decodes requests, asks for what is told of jobs, and gives commands about them."""

    def __init__(self, served: Served, book: JobBook, commands: Commands) -> None:
        self._served = served
        self.book = book
        self._commands = commands

    async def list_jobs(
        self,
        *,
        collection: AnyCollection = None,
        state: OfStates = None,
        kind: OfKind = None,
        source: OfSource = None,
        before: Before = None,
        limit: Limit = 50,
    ) -> JobPage:
        """List the jobs, the newest first; those that have ended stay for a week."""
        return await self.book.jobs(
            ListJobs(
                collection=collection,
                states=tuple(state or ()),
                kind=kind,
                source=source,
                before=before,
                limit=limit,
            )
        )

    async def get_job(self, job: JobId) -> JobPage:
        """Return a job, and the last fifty lines of its log."""
        return await self._find(job)

    async def cancel(self, by: By, job: JobId) -> Any:
        """Cancel a job: its source is as before.

        Too late is when what it makes is being shown, or its source is being taken off the map.
        """
        found = (await self._find(job)).items[0]
        return await self._settle(by, found.collection, Cancel(job=job))

    async def retry(self, by: By, job: JobId) -> Any:
        """Queue a failed job again, three times at most."""
        found = (await self._find(job)).items[0]
        return await self._settle(by, found.collection, Retry(job=job))

    async def submit(self, by: By, body: SubmitRequest, *, collection: Collection = None) -> Any:
        """Queue a job for each source; three jobs of a collection run at a time.

        By re-embed a source is read again and all of it embedded; its old rows are shown until all
        of its new ones are there. By delete it leaves the map.
        """
        given = body.model_dump(exclude_none=True) | {"sources": tuple(body.sources)}
        return await self._submit(by, collection, Submit(**given))

    async def fetch(self, by: By, body: FetchRequest, *, collection: Collection = None) -> Any:
        """Queue a job for each URL, by which what lies there becomes a source of the collection.

        What was fetched before is asked whether it has changed: if not, its job succeeds and
        nothing is new; else it is another version of its source.
        """
        wish = Fetch(**body.model_dump() | {"urls": tuple(body.urls)})
        return await self._submit(by, collection, wish)

    async def remove(
        self,
        by: By,
        source_id: SourceId,
        *,
        collection: Collection = None,
        cancels: Cancels = False,
    ) -> Any:
        """Queue a job by which a source leaves the map, the model and the dataset.

        A file in a folder stays where it is; it is read again when its content changes.
        """
        wish = Submit(kind="delete", sources=(source_id,), cancels=cancels)
        return await self._submit(by, collection, wish)

    async def list_effects(
        self,
        *,
        collection: AnyCollection = None,
        source: OfSource = None,
        job: OfJob = None,
        before: Before = None,
        limit: Limit = 50,
    ) -> EffectPage:
        """List what was done with jobs and sources, the newest first: who, when, and the outcome.

        Each was noted in the transaction that did it. Commands that were refused are in `/audit`.
        """
        asked = ListEffects(
            collection=collection, source=source, job=job, before=before, limit=limit
        )
        return await self.book.effects(asked)

    async def _find(self, job: str) -> JobPage:
        page = await self.book.jobs(ListJobs(job=job))
        if not page.items:
            raise ProblemError(404, NO_JOB.format(job))
        return page

    async def _submit(self, by: str, collection: str | None, wish: Submit | Fetch) -> Any:
        done = await self._settle(by, self._served.one(collection), wish)
        if isinstance(done, SubmittedJobs):
            return JSONResponse(done.model_dump(mode="json"), 202)
        return done

    async def _settle(self, by: str, collection: str, command: Command) -> Any:
        operation = await self._commands.carry_out(collection, command, caller=by)
        return settled(operation, rejected=409)


def build_job_router(endpoints: JobEndpoints) -> APIRouter:
    """Build the routes of jobs."""
    router = APIRouter(tags=["jobs"], route_class=ReadRoute, prefix="/api")
    for path, endpoint, answer, problems, route in (
        ("/jobs", endpoints.list_jobs, JobPage, responses(503, s503=WHY_503), ReadRoute),
        ("/jobs/{job}", endpoints.get_job, JobPage, responses(404, 503, s503=WHY_503), ReadRoute),
        ("/audit", endpoints.list_effects, EffectPage, responses(503, s503=WHY_503), OperateRoute),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            response_model=answer,
            responses=problems,
            route_class_override=route,
        )
    for path, endpoint, method, answer, why in (
        ("/jobs/{job}/cancel", endpoints.cancel, "POST", ACCEPTED, TOO_LATE_409),
        ("/jobs/{job}/retry", endpoints.retry, "POST", ACCEPTED, NOT_FAILED_409),
        ("/jobs", endpoints.submit, "POST", SUBMITTED, NONE_409),
        ("/fetches", endpoints.fetch, "POST", SUBMITTED, FETCHED_409),
        ("/sources/{source_id}", endpoints.remove, "DELETE", SUBMITTED, NONE_409),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=202 if answer is SUBMITTED else 200,
            response_model=SubmittedJobs | Accepted if answer is SUBMITTED else ChangedJob,
            responses=answer | responses(404, 409, 413, 503, s409=why, s503=WHY_503),
            dependencies=[Depends(check_fields)],
            route_class_override=OperateRoute,
        )
    return router
