"""Endpoints about the collections themselves: what discovery keeps of each."""

from typing import Any

from fastapi import APIRouter

from services.gateway.ports.collections import CollectionBook
from services.gateway.routes.parameters import AfterName, Limit, Name
from shared.contracts.collections import CollectionPage, CollectionRecord
from shared.errors import BusAway, TransientError
from shared.http.access import ReadRoute
from shared.http.problems import ProblemError, responses

NO_COLLECTION = "there is no collection '{}'; GET /api/collections lists what there is"
WHY_503 = "The bus is away, or discovery does not answer."
LINKS: dict[int | str, dict[str, Any]] = {
    200: {
        "links": {
            "first": {
                "operationId": "collection",
                "parameters": {"name": "$response.body#/items/0/name"},
            }
        }
    }
}


async def require_collection(book: CollectionBook, name: str) -> None:
    """Refuse what is for no collection; while discovery is away, it will say so.

    Raises:
        ProblemError: There is none of this name.
        BusAway: The bus did not answer.
    """
    try:
        if await book.find(name) is None:
            raise ProblemError(404, NO_COLLECTION.format(name))
    except BusAway:
        raise
    except TransientError:
        return


class CollectionEndpoints:
    """Decodes requests and asks for what is kept."""

    def __init__(self, book: CollectionBook) -> None:
        self._book = book

    async def list_collections(
        self, *, after: AfterName = "", limit: Limit = 50
    ) -> CollectionPage:
        """List the collections in the order of their names.

        What their public files hold tells `GET /collections`.
        """
        return await self._book.page(after=after, limit=limit)

    async def get_collection(self, name: Name) -> CollectionRecord:
        """Return what is kept of a collection."""
        found = await self._book.find(name)
        if found is None:
            raise ProblemError(404, NO_COLLECTION.format(name))
        return found


def build_collection_router(book: CollectionBook) -> APIRouter:
    """Build the routes that read what is kept of the collections."""
    router = APIRouter(tags=["collections"], route_class=ReadRoute, prefix="/api/collections")
    endpoints = CollectionEndpoints(book)
    router.add_api_route(
        "",
        endpoints.list_collections,
        methods=["GET"],
        response_model=CollectionPage,
        responses=LINKS | responses(503, s503=WHY_503),
    )
    router.add_api_route(
        "/{name}",
        endpoints.get_collection,
        operation_id="collection",
        methods=["GET"],
        response_model=CollectionRecord,
        responses=responses(404, 503, s503=WHY_503),
    )
    return router
