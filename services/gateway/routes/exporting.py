"""Endpoint that writes some records as a file."""

from contextlib import AsyncExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import Response
from pydantic import Field

from services.gateway.ports.search import Exporter
from services.gateway.routes.parameters import Collection, CommandRequest, Served
from services.gateway.routes.streams import StreamEndpoints
from shared.http.access import ReadRoute, check_fields, client_of
from shared.http.problems import ProblemError, responses
from shared.http.streaming import PieceByPiece

PATH = "/export"
MOST_IDS = 100_000
LARGEST = 8_388_608
"""Bytes of a body: so many ids of 64 characters, and some room."""
TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file with the columns of `logs.parquet`. In CSV, a text that a "
        "spreadsheet would take for a formula has a quotation mark before it.",
        "content": {"text/csv": BINARY, TYPES["parquet"]: BINARY},
    }
}


class ExportRequest(CommandRequest):
    """Which records, and as what."""

    ids: Annotated[
        list[Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]],
        Field(min_length=1, max_length=MOST_IDS),
    ] = Field(description="Ids of records; those that have left the map are left out.")
    format: Literal["csv", "parquet"] = Field(description="What kind of file.")


EXAMPLES = {
    "two": {"value": {"ids": ["5f1d7a84db00d2fc", "00b31a7fc7322440"], "format": "csv"}},
}
Asked = Annotated[ExportRequest, Body(openapi_examples=EXAMPLES)]


class ExportEndpoints:
    """Decodes requests and calls the port."""

    def __init__(self, served: Served, exporter: Exporter, streams: StreamEndpoints) -> None:
        self._served = served
        self._exporter = exporter
        self._streams = streams

    async def export(
        self, request: Request, body: Asked, collection: Collection = None
    ) -> Response:
        """Write some records as CSV or Parquet, in the order of the public file."""
        name = self._served.one(collection)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._streams.place(client_of(request)))
            opening = self._exporter.pieces(name, body.ids, body.format)
            pieces = await stack.enter_async_context(opening)
            if pieces is None:
                raise ProblemError(404, f"collection '{name}' has no map yet")
            return PieceByPiece(
                pieces,
                media_type=TYPES[body.format],
                headers={"content-disposition": f'attachment; filename="{name}.{body.format}"'},
                send_timeout_s=self._streams.limits.send_timeout_s,
                closing=stack.pop_all(),
            )


def build_export_router(served: Served, exporter: Exporter, streams: StreamEndpoints) -> APIRouter:
    """Build the route that exports; it changes nothing, so reading is enough."""
    router = APIRouter(tags=["map"], route_class=ReadRoute)
    router.add_api_route(
        PATH,
        ExportEndpoints(served, exporter, streams).export,
        methods=["POST"],
        response_class=Response,
        responses=ANSWER | responses(404, 413, 503),
        dependencies=[Depends(check_fields)],
    )
    return router
