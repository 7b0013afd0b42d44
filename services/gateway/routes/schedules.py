"""Endpoints of schedules: URLs that are fetched every few hours."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.gateway.ports.schedules import ScheduleBook
from services.gateway.routes.collections import WHY_503
from services.gateway.routes.job_parameters import AnyCollection
from services.gateway.routes.parameters import Collection, Served
from shared.contracts.fetching import FetchColumnRule, FetchedUrl
from shared.contracts.preferences import SOMEBODY
from shared.contracts.schedules import (
    LEAST_HOURS,
    MOST_HOURS,
    SAY_WHAT,
    ChangeSchedule,
    ListSchedules,
    SchedulePage,
    ScheduleRecord,
)
from shared.contracts.uploads import Columns, FileName
from shared.http.access import By, OperateRoute, ReadRoute, check_fields
from shared.http.problems import ProblemError, responses

ScheduleId = Annotated[str, Path(pattern=r"^[0-9a-f]{20}$", description="The schedule's id.")]
STATUSES = {"refused": 409, "unknown": 404, "running": 409, "too often": 429}
WHY_409 = "The collection has a schedule of this URL already, or the source has a job."
WHY_429 = "There were ten runs by hand in the last minute."


class ScheduleRequest(BaseModel):
    """A URL that is to be fetched every few hours, at once for the first time."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    url: FetchedUrl = Field(description="Where the file lies, as of a fetch.")
    every_hours: int = Field(
        default=8, ge=LEAST_HOURS, le=MOST_HOURS, description="Hours from one fetch to the next."
    )
    filename: FileName | None = Field(default=None, description="What it is called.")
    text_columns: Columns = Field(default=(), description="As of a fetch.")
    context_columns: Columns | None = Field(default=None, description="As of a fetch.")
    columns: FetchColumnRule = Field(default="preferred", description="As of a fetch.")


class ScheduleChange(BaseModel):
    """What changes of a schedule."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    every_hours: int | None = Field(
        default=None,
        ge=LEAST_HOURS,
        le=MOST_HOURS,
        description="Another period; its grid begins one period from now.",
    )
    is_paused: bool | None = Field(
        default=None, description="Whether its slots pass without a run; they count as missed."
    )
    filename: FileName | None = Field(
        default=None,
        description="Another name: from its next run on it is a source of this name; what was "
        "fetched before stays.",
    )

    @model_validator(mode="after")
    def _says_what(self) -> "ScheduleChange":
        """Refuse what would change nothing."""
        if (self.every_hours, self.is_paused, self.filename) == (None, None, None):
            raise ValueError(SAY_WHAT)
        return self


class ScheduleEndpoints:
    """Decodes requests, and asks discovery."""

    def __init__(self, served: Served, book: ScheduleBook) -> None:
        self._served = served
        self._book = book

    async def list_schedules(self, *, collection: AnyCollection = None) -> SchedulePage:
        """List the schedules, and what became of their slots."""
        return await self._book.tell(ListSchedules(collection=collection))

    async def add(
        self, by: By, body: ScheduleRequest, *, collection: Collection = None
    ) -> ScheduleRecord:
        """Have a URL fetched every few hours, the first time at once."""
        name = self._served.one(collection)
        return await self._do(by, action="add", collection=name, **body.model_dump())

    async def change(self, by: By, schedule: ScheduleId, body: ScheduleChange) -> ScheduleRecord:
        """Give a schedule another period or name, pause it, or let it go on."""
        return await self._do(by, action="change", schedule=schedule, **body.model_dump())

    async def remove(self, by: By, schedule: ScheduleId) -> ScheduleRecord:
        """Remove a schedule; what it has fetched stays on the map."""
        return await self._do(by, action="remove", schedule=schedule)

    async def run(self, by: By, schedule: ScheduleId) -> ScheduleRecord:
        """Fetch now, whatever the grid says."""
        return await self._do(by, action="run", schedule=schedule)

    async def _do(self, by: str, **fields: Any) -> ScheduleRecord:
        done = await self._book.change(ChangeSchedule(by=by or SOMEBODY, **fields))
        if done.schedule is None:
            raise ProblemError(STATUSES.get(done.outcome, 409), done.reason or "")
        return done.schedule


def build_schedule_router(served: Served, book: ScheduleBook) -> APIRouter:
    """Build the routes of schedules."""
    endpoints = ScheduleEndpoints(served, book)
    router = APIRouter(tags=["jobs"], route_class=ReadRoute, prefix="/api/schedules")
    router.add_api_route(
        "",
        endpoints.list_schedules,
        methods=["GET"],
        response_model=SchedulePage,
        responses=responses(503, s503=WHY_503),
    )
    for path, endpoint, method, statuses in (
        ("", endpoints.add, "POST", (404, 409, 413)),
        ("/{schedule}", endpoints.change, "PATCH", (404, 409, 413)),
        ("/{schedule}", endpoints.remove, "DELETE", (404,)),
        ("/{schedule}/run", endpoints.run, "POST", (404, 409, 429)),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=201 if endpoint == endpoints.add else 200,
            response_model=ScheduleRecord,
            responses=responses(*statuses, 503, s409=WHY_409, s429=WHY_429, s503=WHY_503),
            dependencies=[Depends(check_fields)],
            route_class_override=OperateRoute,
        )
    return router
