"""Endpoint that tells the regions of a map and their names."""

from fastapi import APIRouter

from services.gateway.handlers.regions import Regions, find_regions
from services.gateway.ports.regions import LabelLog
from services.gateway.routes.parameters import Collection, Served
from shared.http.access import ReadRoute
from shared.http.problems import responses

EXAMPLE = {
    "collection": "default",
    "found_at": "2026-01-31T09:00:00Z",
    "dataset_version": 17,
    "model_version": 3,
    "records": 120,
    "regions": [
        {
            "region": 2,
            "words": ["graph", "edges", "operation"],
            "x": 0.4,
            "y": -0.04,
            "spread": 0.2,
            "share": 1.0,
            "centres": [{"x": 0.4, "y": -0.04}],
        }
    ],
}


class RegionEndpoints:
    """Decodes requests and calls the handler."""

    def __init__(self, served: Served, labels: LabelLog) -> None:
        self._served = served
        self._labels = labels

    async def regions(self, collection: Collection = None) -> Regions:
        """Return the regions of the map that were found last, and the words that tell them apart.

        They are found anew when the map has changed enough; the event `map.labels` tells of it.
        """
        return await find_regions(self._served.one(collection), labels=self._labels)


def build_region_router(served: Served, labels: LabelLog) -> APIRouter:
    """Build the route that tells the regions."""
    router = APIRouter(tags=["map"], route_class=ReadRoute)
    router.add_api_route(
        "/regions",
        RegionEndpoints(served, labels).regions,
        methods=["GET"],
        response_model=Regions,
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}}
        | responses(404, 503),
    )
    return router
