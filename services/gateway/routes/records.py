"""Endpoint that tells a single record."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic.json_schema import SkipJsonSchema

from services.gateway.handlers.records import WholeRecord, find_record
from services.gateway.ports.records import RecordReader
from services.gateway.routes.parameters import Collection, Served, Source
from shared.http.access import ReadRoute
from shared.http.problems import ProblemError, responses

RecordId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{1,64}$", description="The record's id, as the map tells it.")
]
LikelySource = Annotated[
    Source | SkipJsonSchema[None],
    Query(
        description="The filename of the source that it is of, as the map tells it: then it is "
        "found sooner. If it is of another, it is found all the same.",
    ),
]


class RecordEndpoints:
    """Decodes requests and calls the handler."""

    def __init__(self, served: Served, records: RecordReader) -> None:
        self._served = served
        self._records = records

    async def get_record(
        self, record_id: RecordId, collection: Collection = None, source: LikelySource = None
    ) -> WholeRecord:
        """Return a record of the map, whole, with those before and after it in its source."""
        name = self._served.one(collection)
        found = await find_record(name, record_id, source, records=self._records)
        if found is None:
            raise ProblemError(
                404,
                f"the files of '{name}' have no such record: it left the map, or came so lately "
                "that they do not show it yet",
            )
        return found


def build_record_router(served: Served, records: RecordReader) -> APIRouter:
    """Build the route that reads a record."""
    router = APIRouter(tags=["map"], route_class=ReadRoute)
    router.add_api_route(
        "/records/{record_id}",
        RecordEndpoints(served, records).get_record,
        operation_id="record",
        response_model=WholeRecord,
        responses=responses(404, 503),
    )
    return router
