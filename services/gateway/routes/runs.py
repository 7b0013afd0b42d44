"""Endpoints about runs: a table of them, and the path of one."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from services.gateway.handlers.finding import NEAREST
from services.gateway.handlers.runs import Run, RunBook, Runs, Sorting, Wish
from services.gateway.routes.finding import A_WORD, HEX, MOST_QUERY, words_in
from services.gateway.routes.parameters import MOST, Collection, Limit, Offset, Served
from shared.http.access import ReadRoute
from shared.http.problems import ProblemError, responses

MOST_CORNERS, MOST_STEPS = 64, 2000
NUMBER = r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[-+]?[0-9]{1,2})?"
AREA = rf"^{NUMBER},{NUMBER}(,{NUMBER},{NUMBER}){{2,{MOST_CORNERS - 1}}}$"
By = Annotated[Sorting, Query(description="What they are sorted by.")]
Order = Annotated[Literal["asc", "desc"], Query(description="Upwards or downwards.")]
Region = Annotated[
    Annotated[int, Field(ge=1, le=MOST)] | SkipJsonSchema[None],
    Query(description="Only runs with a step in this region; see `/regions`."),
]
Area = Annotated[
    Annotated[str, Field(pattern=AREA, max_length=4096)] | SkipJsonSchema[None],
    Query(
        description="Only runs with a step inside these corners: x and y of each, with commas.",
        examples=["0,0,1,0,1,1"],
    ),
]
Having = Annotated[
    Annotated[str, Field(min_length=1, max_length=MOST_QUERY, pattern=A_WORD)]
    | SkipJsonSchema[None],
    Query(description="Only runs with a step whose text has every word; see `/search`."),
]
Like = Annotated[
    Annotated[str, Field(pattern=f"^{HEX}$")] | SkipJsonSchema[None],
    Query(description=f"Only runs that have one of the {NEAREST} records nearest to this one."),
]
Name = Annotated[str, Query(min_length=1, max_length=4096, description="The run's name.")]
Steps = Annotated[int, Query(ge=1, le=MOST_STEPS, description="The most steps that are told.")]
RUN = {
    "name": "runs/a.jsonl",
    "steps": 12,
    "outcome": "solved",
    "answer": "42",
    "begun": "2026-01-31T09:00:00Z",
    "ended": "2026-01-31T09:12:00Z",
    "distance": 0.041,
    "inside": None,
}
LIST = {"collection": "default", "total": 1, "limit": 50, "offset": 0, "items": [RUN]}
PATH = {
    "collection": "default",
    "name": "runs/a.jsonl",
    "outcome": "solved",
    "answer": "42",
    "total": 12,
    "steps": [
        {
            "id": "5f1d7a84db00d2fce00b31a7fc73224f",
            "iteration": 1,
            "type": "iteration",
            "timestamp": "2026-01-31T09:00:00Z",
            "beginning": "First I look at the file.",
            "x": 0.5,
            "y": -0.25,
        }
    ],
}


class RunEndpoints:
    """Decodes requests and calls the handler."""

    def __init__(self, served: Served, book: RunBook) -> None:
        self._served = served
        self._book = book

    async def runs(  # noqa: PLR0913  the parameters of the request
        self,
        *,
        collection: Collection = None,
        sort: By = "name",
        order: Order = "asc",
        limit: Limit = 50,
        offset: Offset = 0,
        region: Region = None,
        area: Area = None,
        q: Having = None,
        like: Like = None,
    ) -> Runs:
        """List the runs of a map: each is a source, whose records are its steps in order.

        Sources that are tables or texts have rows, and no steps: they are not listed.

        `distance` says how unusual its way over the map is.
        """
        numbers = [float(one) for one in area.split(",")] if area else []
        wish = Wish(
            sort=sort,
            is_descending=order == "desc",
            limit=limit,
            offset=offset,
            region=region,
            area=tuple(zip(numbers[::2], numbers[1::2], strict=True)),
            words=words_in(q) if q else (),
            like=like or "",
        )
        return await self._book.list(self._served.one(collection), wish)

    async def run(self, name: Name, collection: Collection = None, steps: Steps = 500) -> Run:
        """Return the path of a run: its steps in order, with their places."""
        served = self._served.one(collection)
        found = await self._book.one(served, name, steps)
        if found is None:
            raise ProblemError(404, f"the files of '{served}' have no such run")
        return found


def build_run_router(served: Served, book: RunBook) -> APIRouter:
    """Build the routes that tell runs."""
    router = APIRouter(tags=["map"], route_class=ReadRoute)
    endpoints = RunEndpoints(served, book)
    routes: tuple[tuple[str, Any, Any, Any], ...] = (
        ("/runs", endpoints.runs, Runs, LIST),
        ("/run", endpoints.run, Run, PATH),
    )
    for path, endpoint, answer, example in routes:
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            response_model=answer,
            responses={200: {"content": {"application/json": {"example": example}}}}
            | responses(404, 503),
        )
    return router
