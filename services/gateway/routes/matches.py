"""Endpoints that match the records of two collections, and take people's decisions."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi import Body as InBody
from fastapi.responses import Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from services.gateway.domain.matching import Limits, State
from services.gateway.handlers.match_answers import STATE, Matches, MatchResults
from services.gateway.handlers.match_files import Form
from services.gateway.handlers.matching import Asked, Matching
from services.gateway.routes.collections import WHY_503
from services.gateway.routes.finding import HEX, MOST_LISTED
from services.gateway.routes.parameters import (
    COLLECTION,
    AfterEntry,
    Collection,
    CommandRequest,
    Served,
)
from services.gateway.routes.streams import StreamEndpoints
from shared.contracts.matches import MOST_PAIRS, MatchPair, Wish
from shared.contracts.preferences import SOMEBODY
from shared.http.access import By, OperateRoute, ReadRoute, check_fields, client_of
from shared.http.problems import ProblemError, responses
from shared.http.streaming import PieceByPiece

PATH = "/api/matches"
DECISIONS = f"{PATH}/decisions"
LARGEST = 1024 * MOST_PAIRS
"""Bytes of a body: so many pairs, and some room."""
TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
WHY_404 = "There is no such collection, or its vectors are not published."
WHY_422 = (
    "The request is malformed (has `errors`), or the two cannot be matched: they are the same, "
    "their vectors have other dimensions, or there are too many."
)
Other = Annotated[
    str, Query(pattern=COLLECTION, description="The collection that it is matched with.")
]
Link = Annotated[float, Query(ge=0, le=1, description="From this score on a pair is linked.")]
Review = Annotated[
    float,
    Query(ge=0, le=1, description="From this score on somebody is to look at it; `link` at most."),
]
InState = Annotated[
    State | SkipJsonSchema[None], Query(description=f"Only pairs in this state. {STATE}")
]
Ids = Annotated[
    Annotated[str, Field(pattern=rf"^{HEX}(,{HEX}){{0,{MOST_LISTED - 1}}}$")]
    | SkipJsonSchema[None],
    Query(
        max_length=MOST_LISTED * 65,
        description=f"Only pairs of these records, with commas between them; {MOST_LISTED} at "
        "most.",
    ),
]
Most = Annotated[int, Query(ge=1, le=200, description="The most pairs in the answer.")]
AsFile = Annotated[Form, Query(alias="format", description="What kind of file.")]
PAIR: dict[str, Any] = {
    "id": "5f1d7a84db00d2fce00b31a7fc73224f",
    "other_id": "00b31a7fc73224405f1d7a84db00d2fc",
    "texts": "9c1f0d3a5b7e2468ace013579bdf02468ace13579bdf02468ace013579bdf024",
}
DECIDED = PAIR | {"decision": "accept", "at": "2026-01-31T09:00:00Z", "by": "anna"}
MATCHES: dict[str, Any] = {
    "collection": "default",
    "other": "second",
    "link": 0.9,
    "review": 0.7,
    "records": 68,
    "other_records": 70,
    "counts": {"linked": 50, "review": 7, "unmatched": 10, "accepted": 1, "rejected": 0},
    "unused_decisions": 0,
    "total": 1,
    "items": [
        PAIR
        | {
            "score": 0.83,
            "state": "accepted",
            "filename": "runs/a.jsonl",
            "other_filename": "runs/b.jsonl",
            "text": "The request took long.",
            "other_text": "The request ended in a timeout after ten seconds.",
            "decided": DECIDED,
        }
    ],
    "next_after": None,
}
RESULTS = {
    "collection": "default",
    "other": "second",
    "items": [
        {"id": PAIR["id"], "other_id": PAIR["other_id"], "outcome": "decided", "reason": None,
         "decided": DECIDED}
    ],
}  # fmt: skip
TEXT = {"schema": {"type": "string"}}
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file with a row for each pair and their whole texts. In CSV, a text "
        "that a spreadsheet would take for a formula has a quotation mark before it.",
        "content": {"text/csv": TEXT, TYPES["jsonl"]: TEXT},
    }
}


@dataclass(frozen=True, slots=True)
class Rule:
    """By which scores pairs are in which state, and which of them are asked for."""

    limits: Limits
    state: State | None


def read_rule(*, link: Link = 0.9, review: Review = 0.7, state: InState = None) -> Rule:
    """Read the scores of a query.

    Raises:
        ProblemError: They contradict each other.
    """
    if link < review:
        raise ProblemError(422, f"link: {link:g} is below review, {review:g}")
    return Rule(Limits(link, review), state)


ByRule = Annotated[Rule, Depends(read_rule)]


class DecisionRequest(CommandRequest):
    """What is decided, and of which pairs."""

    decision: Wish = Field(
        description="accept: they belong together; reject: they do not; undo: nothing is decided "
        "of them any more."
    )
    pairs: list[MatchPair] = Field(
        min_length=1,
        max_length=MOST_PAIRS,
        description="The pairs, with `texts` as they were told: a pair whose texts are others by "
        "now is refused.",
    )


EXAMPLES: Any = {"one": {"value": {"decision": "accept", "pairs": [PAIR]}}}
Decided = Annotated[DecisionRequest, InBody(openapi_examples=EXAMPLES)]


class MatchEndpoints:
    """Decodes requests and calls the handler."""

    def __init__(self, served: Served, matching: Matching, streams: StreamEndpoints) -> None:
        self._served = served
        self._matching = matching
        self._streams = streams

    async def page(
        self,
        *,
        other: Other,
        rule: ByRule,
        collection: Collection = None,
        ids: Ids = None,
        after: AfterEntry = 0,
        limit: Most = 50,
    ) -> Matches:
        """Match each record of a collection with the nearest of another, the best pairs first.

        Exact: every vector is compared with every one of the other collection, a thousand
        million comparisons at most, and the result is kept until one of the maps is another.
        What somebody has decided holds for a pair as long as both texts are the same.
        """
        some = tuple(dict.fromkeys(ids.split(","))) if ids else ()
        asked = self._asked(collection, other, rule, some)
        return await self._matching.page(asked, after=after, limit=limit)

    async def export(
        self,
        request: Request,
        *,
        other: Other,
        rule: ByRule,
        collection: Collection = None,
        form: AsFile = "csv",
    ) -> Response:
        """Write the pairs of two collections as CSV or JSON lines, the best first."""
        asked = self._asked(collection, other, rule)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._streams.place(client_of(request)))
            name = f"{asked.collection}-{asked.other}.{form}"
            return PieceByPiece(
                await self._matching.file(asked, form),
                media_type=TYPES[form],
                headers={"content-disposition": f'attachment; filename="{name}"'},
                send_timeout_s=self._streams.limits.send_timeout_s,
                closing=stack.pop_all(),
            )

    async def decide(
        self, by: By, body: Decided, *, other: Other, collection: Collection = None
    ) -> MatchResults:
        """Accept or reject pairs: all that are as they were seen, in one transaction."""
        names = self._served.one(collection), self._served.one(other)
        return await self._matching.decide(*names, body.decision, body.pairs, by or SOMEBODY)

    def _asked(
        self, collection: str | None, other: str, rule: Rule, ids: tuple[str, ...] = ()
    ) -> Asked:
        names = self._served.one(collection), self._served.one(other)
        return Asked(*names, rule.limits, rule.state, ids)


def build_match_router(served: Served, matching: Matching, streams: StreamEndpoints) -> APIRouter:
    """Build the routes of matches."""
    endpoints = MatchEndpoints(served, matching, streams)
    router = APIRouter(tags=["matches"], route_class=ReadRoute)
    failures = responses(404, 422, 503, s404=WHY_404, s422=WHY_422, s503=WHY_503)
    router.add_api_route(
        PATH, endpoints.page, response_model=Matches, responses=_example(MATCHES) | failures
    )
    router.add_api_route(
        f"{PATH}/export", endpoints.export, response_class=Response, responses=FILE | failures
    )
    router.add_api_route(
        DECISIONS,
        endpoints.decide,
        methods=["POST"],
        response_model=MatchResults,
        responses=_example(RESULTS) | failures | responses(413),
        dependencies=[Depends(check_fields)],
        route_class_override=OperateRoute,
    )
    return router


def _example(value: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"example": value}}}}
