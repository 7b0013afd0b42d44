"""Endpoints of single columns, to colour a map by."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from services.gateway.handlers.answers import Body
from services.gateway.handlers.maps import END_OF_STREAM
from services.gateway.ports.columns import ColumnReader, OpenColumn
from services.gateway.routes.parameters import Collection, Served
from services.gateway.routes.streams import StreamEndpoints
from shared.contracts.batches import ARROW
from shared.http.access import ReadRoute, client_of
from shared.http.problems import ProblemError, responses
from shared.http.streaming import PieceByPiece

ColumnName = Annotated[
    str,
    Query(
        min_length=1, max_length=300, description="As `GET /columns` names it.",
        examples=["outcome", "attributes.model"],
    ),
]  # fmt: skip
ColumnKind = Annotated[
    Literal["word", "number", "time"],
    Query(description="As `GET /columns` tells it; a value of another kind is null."),
]
OfSource = Annotated[
    Annotated[str, Field(min_length=1, max_length=4096)] | SkipJsonSchema[None],
    Query(description="Only what the records of this source have."),
]
EXAMPLE = {
    "collection": "default",
    "sampled": 68,
    "items": [
        {"name": "arrived_at", "kind": "time", "records": 68, "different": 12},
        {"name": "outcome", "kind": "word", "records": 40, "different": 2},
        {"name": "attributes.model", "kind": "word", "records": 68, "different": 3},
    ],
}
COLUMN_200: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An Arrow stream: id, and value as text, float64 or a time in UTC; null "
        "where a record has none.",
        "content": {ARROW: {"schema": {"type": "string", "format": "binary"}}},
    }
}


class Column(Body):
    """A column that a map can be coloured by."""

    name: str = Field(description="Its name; of an attribute with `attributes.` before it.")
    kind: Literal["word", "number", "time"] = Field(description="What its values are.")
    records: int = Field(ge=0, description="How many of the records that were looked at have it.")
    different: int = Field(ge=0, description="How many different values they have.")


class Columns(Body):
    """What a map can be coloured by, beside what every point has."""

    collection: str = Field(description="The collection.")
    sampled: int = Field(ge=0, description="How many records were looked at.")
    items: list[Column] = Field(
        description="What they have, the most frequent first; of one source, as its file has them."
    )


class ColumnEndpoints:
    """Decodes requests and calls the port."""

    def __init__(self, served: Served, columns: ColumnReader, streams: StreamEndpoints) -> None:
        self._served = served
        self._columns = columns
        self._streams = streams

    async def list_columns(
        self, collection: Collection = None, source: OfSource = None
    ) -> Columns:
        """List what a map can be coloured by, from a sample of its records.

        With `source`, what the records of that source have beside their text.
        """
        name = self._served.one(collection)
        found = await self._columns.list(name, source)
        if found is None:
            raise ProblemError(404, f"collection '{name}' has no map yet")
        items = [
            Column(name=one.name, kind=one.kind, records=one.records, different=one.different)
            for one in found[0]
        ]
        return Columns(collection=name, sampled=found[1], items=items)

    async def column(
        self, request: Request, name: ColumnName, kind: ColumnKind, collection: Collection = None
    ) -> Response:
        """Return the values of one column for every record of the public files."""
        where = self._served.one(collection)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._streams.place(client_of(request)))
            opened = await stack.enter_async_context(self._columns.open(where, name, kind))
            if opened is None:
                raise ProblemError(
                    404,
                    f"'{where}' has no column '{name}' of kind '{kind}'; GET /columns lists what "
                    "there is",
                )
            return PieceByPiece(
                _encoded(opened),
                media_type=ARROW,
                send_timeout_s=self._streams.limits.send_timeout_s,
                closing=stack.pop_all(),
            )


async def _encoded(column: OpenColumn) -> AsyncGenerator[bytes, None]:
    yield column.schema.serialize().to_pybytes()
    async with aclosing(column.batches()) as batches:
        async for piece in batches:
            yield piece.serialize().to_pybytes()
    yield END_OF_STREAM


def build_column_router(
    served: Served, columns: ColumnReader, streams: StreamEndpoints
) -> APIRouter:
    """Build the routes of columns."""
    router = APIRouter(tags=["map"], route_class=ReadRoute)
    endpoints = ColumnEndpoints(served, columns, streams)
    router.add_api_route(
        "/columns",
        endpoints.list_columns,
        response_model=Columns,
        responses={200: {"content": {"application/json": {"example": EXAMPLE}}}}
        | responses(404, 503),
    )
    router.add_api_route(
        "/column",
        endpoints.column,
        response_class=Response,
        responses=COLUMN_200 | responses(404, 503),
    )
    return router
