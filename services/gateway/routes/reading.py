"""Endpoints that tell what is: health, sources, collections, models."""

from typing import Any

from fastapi import APIRouter, Request

from services.gateway.handlers import reading
from services.gateway.handlers.answers import CollectionInfo, Health, Queues, Sources
from services.gateway.handlers.model_answers import ModelPage, WholeModel
from services.gateway.ports import MapReader, ModelHistory
from services.gateway.ports.queues import Board
from services.gateway.routes.parameters import Collection, Limit, Offset, Served, Version
from shared.http.access import OpenRoute, ReadRoute, caller_of
from shared.http.problems import ProblemError, responses

MODELS_200: dict[int | str, dict[str, Any]] = {
    200: {
        "links": {
            "newest": {
                "operationId": "model",
                "parameters": {"version": "$response.body#/items/0/version"},
            }
        }
    }
}


class ReadingEndpoints:
    """Decodes requests and calls the handlers."""

    def __init__(
        self, served: Served, *, board: Board, maps: MapReader, models: ModelHistory
    ) -> None:
        self._served = served
        self._board = board
        self._maps = maps
        self._models = models

    async def health(self, request: Request) -> Health:
        """Tell whether the gateway works, and to those who may read, what runs behind it."""
        found = await reading.health(self._board)
        return (
            found if caller_of(request) else found.model_copy(update={"services": {}, "waits": []})
        )

    async def sources(self, collection: Collection = None) -> Sources:
        """Tell how many sources and records discovery counted, and what could not be read."""
        name = self._served.one(collection)
        try:
            found = await reading.sources(name, board=self._board)
        except reading.RestingError as error:
            raise ProblemError(409, str(error)) from error
        if found is None:
            raise ProblemError(503, f"no discovery tells of collection '{name}': is it running?")
        return found

    async def queues(self, collection: Collection = None) -> Queues:
        """Tell what waits on the bus for each stage, in messages: how far it lags behind.

        The bus itself tells it, so it is known of a stage that does not run, too.
        """
        return await reading.queues(self._served.one(collection), board=self._board)

    async def collections(self) -> list[CollectionInfo]:
        """List the collections and what their public files hold."""
        return await reading.collections(tuple(self._served.names), maps=self._maps)

    async def list_models(
        self, collection: Collection = None, limit: Limit = 50, offset: Offset = 0
    ) -> ModelPage:
        """List the models of a collection, newest first, without their planes."""
        return await reading.list_models(
            self._served.one(collection),
            limit=limit,
            offset=offset,
            models=self._models,
            maps=self._maps,
        )

    async def get_model(self, version: Version, collection: Collection = None) -> WholeModel:
        """Return a whole model: `(vector - mean) @ components.T` gives x and y."""
        name = self._served.one(collection)
        model = await reading.get_model(name, version, models=self._models)
        if model is None:
            raise ProblemError(404, f"collection '{name}' has no model {version}")
        return model


def build_reading_router(endpoints: ReadingEndpoints) -> APIRouter:
    """Build the routes that read."""
    router = APIRouter(route_class=ReadRoute)
    get = router.add_api_route
    get(
        "/health",
        endpoints.health,
        response_model=Health,
        responses=responses(),
        tags=["state"],
        route_class_override=OpenRoute,
    )
    get(
        "/sources",
        endpoints.sources,
        response_model=Sources,
        responses=responses(404, 409, 503, s409="It rests: nothing of it changes."),
        tags=["state"],
    )
    get(
        "/queues",
        endpoints.queues,
        response_model=Queues,
        responses=responses(404, 503),
        tags=["state"],
    )
    get(
        "/collections",
        endpoints.collections,
        response_model=list[CollectionInfo],
        responses=responses(503),
        tags=["map"],
    )
    get(
        "/projections",
        endpoints.list_models,
        response_model=ModelPage,
        responses=MODELS_200 | responses(404, 503),
        tags=["models"],
    )
    get(
        "/projections/{version}",
        endpoints.get_model,
        operation_id="model",
        response_model=WholeModel,
        responses=responses(404, 503),
        tags=["models"],
    )
    return router
