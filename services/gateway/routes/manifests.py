"""Endpoints of manifests: lists of sources that are applied every few hours."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.gateway.ports.manifests import ManifestBook
from services.gateway.routes.collections import WHY_503
from services.gateway.routes.job_parameters import AnyCollection
from services.gateway.routes.parameters import Collection, Served
from shared.contracts.fetching import LONGEST_LIST, FetchedUrl
from shared.contracts.manifests import (
    SAY_WHAT,
    ChangeManifest,
    ListManifests,
    ListText,
    ManifestItem,
    ManifestName,
    ManifestPage,
    ManifestRecord,
    check_list,
)
from shared.contracts.preferences import SOMEBODY
from shared.contracts.schedules import LEAST_HOURS, MOST_HOURS
from shared.http.access import By, OperateRoute, ReadRoute, check_fields
from shared.http.problems import ProblemError, responses

PATH = "/api/manifests"
LARGEST = 4 * LONGEST_LIST
"""Of a body: a list, as JSON writes it."""
ManifestId = Annotated[str, Path(pattern=r"^[0-9a-f]{20}$", description="The manifest's id.")]
STATUSES = {"refused": 409, "unknown": 404, "running": 409, "too often": 429}
WHY_409 = "It is being applied."
WHY_429 = "There were ten runs by hand in the last minute."


class ManifestRequest(BaseModel):
    """A list of sources that is to be applied: where it lies, or the list itself."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: ManifestName | None = Field(
        default=None, description="What it is called, and by what it is known again; else its URL."
    )
    url: FetchedUrl | None = Field(default=None, description="Where it lies, as CSV or JSON.")
    content: ListText | None = Field(
        default=None, description="The list itself, as CSV or JSON; then it needs a name."
    )
    every_hours: int | None = Field(
        default=None,
        ge=LEAST_HOURS,
        le=MOST_HOURS,
        description="Hours from one application to the next; not given: 8, or as it was.",
    )

    @model_validator(mode="after")
    def _says_where(self) -> "ManifestRequest":
        """Refuse a list that lies nowhere, or at two places."""
        check_list(self.name, self.url, self.content)
        return self


class ManifestChange(BaseModel):
    """What changes of a manifest."""

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

    @model_validator(mode="after")
    def _says_what(self) -> "ManifestChange":
        """Refuse what would change nothing."""
        if self.every_hours is None and self.is_paused is None:
            raise ValueError(SAY_WHAT)
        return self


class Manifests(BaseModel):
    """The manifests."""

    items: tuple[ManifestRecord, ...] = Field(description="Each, with its last twenty runs.")


class ListedManifest(BaseModel):
    """A manifest with what it lists."""

    manifest: ManifestRecord = Field(description="The manifest, with its last twenty runs.")
    items: tuple[ManifestItem, ...] = Field(
        description="What became of each row when it was last applied; then what is not listed "
        "any more."
    )


class ManifestEndpoints:
    """Decodes requests, and asks discovery."""

    def __init__(self, served: Served, book: ManifestBook) -> None:
        self._served = served
        self._book = book

    async def list_manifests(self, *, collection: AnyCollection = None) -> Manifests:
        """List the manifests, and what became of their slots."""
        return Manifests(items=(await self._tell(collection=collection)).items)

    async def show(self, manifest: ManifestId) -> ListedManifest:
        """Tell of a manifest, and of each that it lists or has listed."""
        for one in (page := await self._tell(manifest=manifest)).items:
            return ListedManifest(manifest=one, items=page.listed or ())
        raise ProblemError(404, f"there is no manifest '{manifest}'")

    async def apply(
        self, by: By, body: ManifestRequest, *, collection: Collection = None
    ) -> ManifestRecord:
        """Have a list of sources applied now and every few hours; known by its name again."""
        name = self._served.one(collection)
        return await self._do(by, action="apply", collection=name, **body.model_dump())

    async def change(self, by: By, manifest: ManifestId, body: ManifestChange) -> ManifestRecord:
        """Give a manifest another period, pause it, or let it go on."""
        return await self._do(by, action="change", manifest=manifest, **body.model_dump())

    async def remove(self, by: By, manifest: ManifestId) -> ManifestRecord:
        """Remove a manifest; the sources that it lists stay on the map."""
        return await self._do(by, action="remove", manifest=manifest)

    async def run(self, by: By, manifest: ManifestId) -> ManifestRecord:
        """Apply it now, whatever the grid says."""
        return await self._do(by, action="run", manifest=manifest)

    async def _tell(self, **fields: Any) -> ManifestPage:
        return await self._book.tell(ListManifests(**fields))

    async def _do(self, by: str, **fields: Any) -> ManifestRecord:
        done = await self._book.change(ChangeManifest(by=by or SOMEBODY, **fields))
        if done.manifest is None:
            raise ProblemError(STATUSES.get(done.outcome, 409), done.reason or "")
        return done.manifest


def build_manifest_router(served: Served, book: ManifestBook) -> APIRouter:
    """Build the routes of manifests."""
    endpoints = ManifestEndpoints(served, book)
    router = APIRouter(tags=["jobs"], route_class=ReadRoute, prefix=PATH)
    for path, endpoint, model, statuses in (
        ("", endpoints.list_manifests, Manifests, ()),
        ("/{manifest}", endpoints.show, ListedManifest, (404,)),
    ):
        router.add_api_route(
            path, endpoint, response_model=model, responses=responses(*statuses, 503, s503=WHY_503)
        )
    for path, endpoint, method, statuses in (
        ("", endpoints.apply, "PUT", (404, 409, 413, 429)),
        ("/{manifest}", endpoints.change, "PATCH", (404, 413)),
        ("/{manifest}", endpoints.remove, "DELETE", (404,)),
        ("/{manifest}/run", endpoints.run, "POST", (404, 409, 429)),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_model=ManifestRecord,
            responses=responses(*statuses, 503, s409=WHY_409, s429=WHY_429, s503=WHY_503),
            dependencies=[Depends(check_fields)],
            route_class_override=OperateRoute,
        )
    return router
