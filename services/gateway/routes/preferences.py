"""Endpoints of the columns that collections prefer."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.ports.collections import CollectionBook
from services.gateway.ports.preferences import PreferenceBook
from services.gateway.routes.collections import NO_COLLECTION, WHY_503
from services.gateway.routes.parameters import Name
from shared.contracts.preferences import (
    CONTEXT,
    SOMEBODY,
    TEXT,
    ListPreferences,
    PreferencePage,
    Preferences,
    SetPreferences,
)
from shared.contracts.uploads import Columns
from shared.http.access import By, OperateRoute, ReadRoute, check_fields
from shared.http.problems import ProblemError, responses

PATH = "/api/collections/{name}/preferences"
WHY_422 = "The request is malformed (has `errors`), or no table of the collection has a column."


class PreferencesRequest(BaseModel):
    """Columns that a collection is to prefer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    text_columns: Columns = Field(default=(), description=TEXT)
    context_columns: Columns | None = Field(default=None, description=CONTEXT)


class PreferenceEndpoints:
    """Decodes requests, and asks discovery."""

    def __init__(self, book: CollectionBook, preferences: PreferenceBook) -> None:
        self._book = book
        self._preferences = preferences

    async def tell(self, name: Name) -> PreferencePage:
        """Tell which columns a collection prefers, which before, and which its tables have."""
        await self._require(name)
        return await self._preferences.tell(ListPreferences(collection=name))

    async def choose(self, by: By, name: Name, body: PreferencesRequest) -> Preferences:
        """Choose columns for a collection: its next version of them.

        What is uploaded or fetched from then on without columns of its own is read by them, as far
        as it has them; what is there already, once it is embedded again with them.
        """
        await self._require(name)
        wish = SetPreferences(collection=name, by=by or SOMEBODY, **body.model_dump())
        done = await self._preferences.choose(wish)
        if done.preferences is None:
            raise ProblemError(422, done.reason or "")
        return done.preferences

    async def _require(self, name: str) -> None:
        if await self._book.find(name) is None:
            raise ProblemError(404, NO_COLLECTION.format(name))


def build_preference_router(endpoints: PreferenceEndpoints) -> APIRouter:
    """Build the routes of preferences."""
    router = APIRouter(tags=["collections"], route_class=ReadRoute)
    router.add_api_route(
        PATH,
        endpoints.tell,
        methods=["GET"],
        response_model=PreferencePage,
        responses=responses(404, 503, s503=WHY_503),
    )
    router.add_api_route(
        PATH,
        endpoints.choose,
        methods=["PUT"],
        response_model=Preferences,
        responses=responses(404, 413, 422, 503, s422=WHY_422, s503=WHY_503),
        dependencies=[Depends(check_fields)],
        route_class_override=OperateRoute,
    )
    return router
