"""Preferences in the words of an ingest page that calls collections document groups."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.routes.group_aliases import ALIASES, GROUP, Group
from services.gateway.routes.preferences import (
    WHY_422,
    PreferenceEndpoints,
    PreferencesRequest,
)
from shared.contracts.preferences import CONTEXT, TEXT, Preferences
from shared.contracts.uploads import Columns
from shared.http.access import By, OperateRoute, ReadRoute, check_fields
from shared.http.problems import ProblemError, responses

PATH = f"{GROUP}/preferences"
WHY_404 = "There is no such collection, or it has no preferences yet."
NONE_YET = "'{}' has no preferences yet; PUT chooses them"


class ColumnPreferenceSet(BaseModel):
    """The columns that a collection prefers."""

    document_group_id: str = Field(description="The collection.")
    selected_columns: list[str] = Field(description=TEXT)
    contextual_fields: list[str] | None = Field(description=CONTEXT)
    updated_by: str = Field(description="Who chose them.")
    updated_at: datetime = Field(description="When.")
    version: int = Field(description="Counts up with every change.")


class ColumnPreferenceRequest(BaseModel):
    """Columns that a collection is to prefer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    selected_columns: Columns = Field(default=(), description=TEXT)
    contextual_fields: Columns | None = Field(default=None, description=CONTEXT)


class GroupPreferenceEndpoints:
    """Says in other words what the endpoints of preferences say."""

    def __init__(self, preferences: PreferenceEndpoints) -> None:
        self._preferences = preferences

    async def tell(self, group: Group) -> ColumnPreferenceSet:
        """Tell the preferred columns, `GET /api/collections/{name}/preferences` in other words."""
        active = (await self._preferences.tell(group)).active
        if active is None:
            raise ProblemError(404, NONE_YET.format(group))
        return _set(group, active)

    async def choose(
        self, by: By, group: Group, body: ColumnPreferenceRequest
    ) -> ColumnPreferenceSet:
        """Choose columns, `PUT /api/collections/{name}/preferences` in other words."""
        wish = PreferencesRequest(
            text_columns=body.selected_columns, context_columns=body.contextual_fields
        )
        return _set(group, await self._preferences.choose(by, group, wish))


def _set(group: str, chosen: Preferences) -> ColumnPreferenceSet:
    context = chosen.context_columns
    return ColumnPreferenceSet(
        document_group_id=group,
        selected_columns=list(chosen.text_columns),
        contextual_fields=None if context is None else list(context),
        updated_by=chosen.updated_by,
        updated_at=chosen.updated_at,
        version=chosen.version,
    )


def build_group_preference_router(preferences: PreferenceEndpoints) -> APIRouter:
    """Build the routes."""
    endpoints = GroupPreferenceEndpoints(preferences)
    router = APIRouter(tags=[ALIASES], route_class=ReadRoute)
    router.add_api_route(
        PATH,
        endpoints.tell,
        methods=["GET"],
        response_model=ColumnPreferenceSet,
        responses=responses(404, 503, s404=WHY_404),
    )
    router.add_api_route(
        PATH,
        endpoints.choose,
        methods=["PUT"],
        response_model=ColumnPreferenceSet,
        responses=responses(404, 413, 422, 503, s422=WHY_422),
        dependencies=[Depends(check_fields)],
        route_class_override=OperateRoute,
    )
    return router
