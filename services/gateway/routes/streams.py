"""Endpoints whose answers flow: the map as Arrow, and events as they happen."""

from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import Response
from pydantic.json_schema import SkipJsonSchema

from services.gateway.handlers import maps as handlers
from services.gateway.handlers.maps import MapHead
from services.gateway.ports import EventLog, MapReader, PointLog
from services.gateway.routes.parameters import (
    After,
    Collection,
    KnownModel,
    Natural,
    Position,
    Served,
)
from shared.contracts.batches import ARROW
from shared.http.access import ReadRoute, client_of
from shared.http.problems import ProblemError, responses
from shared.http.streaming import PieceByPiece, event_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LastEventId = Annotated[
    Natural | SkipJsonSchema[None],
    Header(description="Go on after this event, as browsers do by themselves."),
]
MAP_HEADERS = (
    "x-mapstream-dataset-version",
    "x-mapstream-model-version",
    "x-mapstream-more",
    "x-mapstream-records",
    "x-mapstream-since",
)
"""What an answer with points says of them; pages of other sites may read it too."""
WHY_410 = "Points moved, or the position is too old: fetch the map again."


def _number(description: str, *, is_required: bool) -> dict[str, Any]:
    schema = {"type": "string", "pattern": "^[0-9]+$"}
    return {"description": description, "schema": schema, "required": is_required}


MAP_200: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An Arrow stream: id, x, y, type, filename, iteration, timestamp, "
        "source_version; the schema's metadata has mapstream.collection, .model_version, "
        ".dataset_version, .since and, where points left the map, .removed: by filename the "
        "version below which they went.",
        "content": {ARROW: {"schema": {"type": "string", "format": "binary"}}},
        "headers": {
            "X-Mapstream-Since": _number("Ask with it for what follows.", is_required=True),
            "X-Mapstream-Dataset-Version": _number("Of the public files.", is_required=True),
            "X-Mapstream-Model-Version": _number("Of the coordinates.", is_required=False),
            "X-Mapstream-Records": _number("Points of the whole map.", is_required=False),
            "X-Mapstream-More": {
                "description": "true: more points follow already; ask again.",
                "schema": {"type": "string", "enum": ["true", "false"]},
                "required": True,
            },
        },
        "links": {
            "more": {
                "operationId": "map",
                "parameters": {"since": "$response.header.X-Mapstream-Since"},
            }
        },
    }
}
EVENT = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "retry": {"type": "integer"},
    },
}
"""One of a stream of server-sent events."""
EVENTS_200: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events without end: `id` is the position, `event` the family "
        "such as projection.updated, `data` the event as JSON.",
        "content": {"text/event-stream": {"schema": EVENT}},
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """How long and how many."""

    heartbeat_s: float
    send_timeout_s: float
    max_streams: int
    max_streams_per_client: int
    max_stream_s: float


class StreamEndpoints:
    """Opens streams, of which only so many go on at a time."""

    def __init__(
        self,
        served: Served,
        *,
        events: EventLog,
        maps: MapReader,
        points: PointLog,
        limits: StreamLimits,
    ) -> None:
        self._served = served
        self._events = events
        self._maps = maps
        self._points = points
        self.limits = limits
        self._clients: Counter[str] = Counter()
        """How many streams each client has under way."""

    @property
    def running(self) -> int:
        """How many streams go on."""
        return self._clients.total()

    async def map(
        self,
        request: Request,
        collection: Collection = None,
        since: Position = None,
        model_version: KnownModel = None,
    ) -> Response:
        """Return every point of the map, or with `since` only what came and left after it.

        A point may come again; the last one counts. First take away what `mapstream.removed` says,
        then add the points.
        """
        name = self._served.one(collection)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.place(client_of(request)))
            if since is not None:
                head, body = await handlers.map_since(
                    name, since, model_version=model_version, maps=self._maps, points=self._points
                )
                return Response(body, headers=_headers(head), media_type=ARROW)
            opened = await stack.enter_async_context(self._maps.open(name))
            head = await handlers.head_of(name, opened, points=self._points)
            if opened is None:
                raise handlers.NoMapError(name)
            return PieceByPiece(
                handlers.whole_map(head, opened),
                media_type=ARROW,
                headers=_headers(head) | {"x-mapstream-records": str(opened.marks.records)},
                send_timeout_s=self.limits.send_timeout_s,
                closing=stack.pop_all(),
            )

    async def events(
        self,
        request: Request,
        collection: Collection = None,
        after: After = None,
        last_event_id: LastEventId = None,
    ) -> Response:
        """Follow the public events of a collection, or of all; without an id, from now on."""
        names = self._served.some(collection)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.place(client_of(request)))
            position = after if last_event_id is None else last_event_id
            news = self._events.follow(position, names, idle_s=self.limits.heartbeat_s)
            return PieceByPiece(
                event_stream(news, self.limits.max_stream_s),
                media_type="text/event-stream",
                headers={"cache-control": "no-cache, no-store", "x-accel-buffering": "no"},
                send_timeout_s=self.limits.send_timeout_s,
                closing=stack.pop_all(),
            )

    @asynccontextmanager
    async def place(self, client: str) -> "AsyncIterator[None]":
        """Hold one of the places that there are for streams.

        Raises:
            ProblemError: None is free.
        """
        later = {"retry-after": "5"}
        if self.running >= self.limits.max_streams:
            raise ProblemError(503, "too many streams at a time; try again later", headers=later)
        if self._clients[client] >= self.limits.max_streams_per_client:
            raise ProblemError(429, "too many streams of yours at a time", headers=later)
        self._clients[client] += 1
        try:
            yield
        finally:
            self._clients[client] -= 1
            self._clients += Counter()  # forgets who has none


def _headers(head: MapHead) -> dict[str, str]:
    told = {
        "x-mapstream-since": str(head.since),
        "x-mapstream-dataset-version": str(head.marks.dataset_version),
        "x-mapstream-more": "true" if head.has_more else "false",
    }
    if head.marks.model_version is not None:
        told["x-mapstream-model-version"] = str(head.marks.model_version)
    return told


def build_stream_router(endpoints: StreamEndpoints) -> APIRouter:
    """Build the routes whose answers flow."""
    router = APIRouter(route_class=ReadRoute)
    router.add_api_route(
        "/map",
        endpoints.map,
        operation_id="map",
        response_class=Response,
        responses=MAP_200 | responses(404, 410, 503, s410=WHY_410),
        tags=["map"],
    )
    router.add_api_route(
        "/events",
        endpoints.events,
        response_class=Response,
        responses=EVENTS_200 | responses(404, 503),
        tags=["events"],
    )
    return router
