"""Endpoints that find records: by words, by likeness, by id."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from services.gateway.domain.words import parse_words
from services.gateway.handlers.finding import Finding, Found, Neighbours, Records
from services.gateway.routes.parameters import Collection, Served
from services.gateway.routes.records import RecordId
from shared.http.access import ReadRoute
from shared.http.problems import ProblemError, responses

MOST_LISTED = 50
MOST_IDS = 20_000
MOST_WITHIN_MS = 10_000
MOST_QUERY = 200
A_WORD = r"[^\s\x22]"
HEX = "[0-9a-f]{1,64}"
Words = Annotated[
    str,
    Query(
        alias="q", min_length=1, max_length=MOST_QUERY, pattern=A_WORD,
        description="Words that a text must have, in any order, upper and lower case alike; in "
        "double quotes: as they stand.",
        examples=["timeout", '"run tests" parser'],
    ),
]  # fmt: skip
Shown = Annotated[
    str | SkipJsonSchema[None],
    Query(alias="q", max_length=200, description="Words to mark in the texts."),
]
Listed = Annotated[
    int, Query(ge=1, le=MOST_LISTED, description="The most records that are told of.")
]
Lit = Annotated[int, Query(ge=0, le=MOST_IDS, description="The most ids in `ids`.")]
Within = Annotated[
    Annotated[int, Field(ge=1, le=MOST_WITHIN_MS)] | SkipJsonSchema[None],
    Query(
        description="Look for so many milliseconds at most, for the first of what there is; it "
        "ends with the piece of the file that is in hand.",
    ),
]
Ids = Annotated[
    str,
    Query(
        max_length=MOST_LISTED * 65, pattern=rf"^{HEX}(,{HEX}){{0,{MOST_LISTED - 1}}}$",
        description=f"Ids of records, with commas between them; at most {MOST_LISTED}.",
        examples=["5f1d7a84db00d2fc,00b31a7fc7322440"],
    ),
]  # fmt: skip
ITEM: dict[str, Any] = {
    "id": "5f1d7a84db00d2fce00b31a7fc73224f",
    "type": "iteration",
    "filename": "runs/a.jsonl",
    "iteration": 3,
    "timestamp": "2026-01-31T09:00:00Z",
    "excerpt": ["The request ended in a ", "timeout", " after ten seconds."],
}
RECORDS = {"collection": "default", "items": [ITEM]}
FOUND = RECORDS | {
    "words": ["timeout"],
    "total": 1,
    "searched": 68,
    "records": 68,
    "ids": [ITEM["id"]],
}
NEAR = {
    "collection": "default",
    "id": "00b31a7fc73224405f1d7a84db00d2fc",
    "compared": 67,
    "items": [ITEM | {"excerpt": ["The request took long."], "similarity": 0.83}],
}


class FindingEndpoints:
    """Decodes requests and calls the handler."""

    def __init__(self, served: Served, finding: Finding) -> None:
        self._served = served
        self._finding = finding

    async def search(
        self,
        *,
        q: Words,
        collection: Collection = None,
        limit: Listed = 20,
        ids: Lit = 0,
        within_ms: Within = None,
    ) -> Found:
        """Find the records whose text has every word.

        Every text is looked at, a million in half a second to two, for ten seconds at most: where
        `searched` is less than `records`, there may be more.
        """
        words_in(q)
        name = self._served.one(collection)
        within_s = None if within_ms is None else within_ms / 1000
        return await self._finding.words(
            name, q, limit=limit, most_ids=max(ids, limit), within_s=within_s
        )

    async def records(self, ids: Ids, collection: Collection = None, q: Shown = None) -> Records:
        """Tell of some records, with a piece of the text of each."""
        name = self._served.one(collection)
        keys = tuple(dict.fromkeys(ids.split(",")))
        return await self._finding.some(name, keys, parse_words(q or ""))

    async def neighbours(
        self, record_id: RecordId, collection: Collection = None, limit: Listed = 20
    ) -> Neighbours:
        """Find the records whose vectors are nearest to that of one, the nearest first.

        Exact: it is compared with every other, about 100,000 a second at 384 dimensions.
        """
        name = self._served.one(collection)
        return await self._finding.neighbours(name, record_id, limit=limit)


def words_in(query: str) -> tuple[str, ...]:
    """Return the words of a query.

    Raises:
        ProblemError: There are none.
    """
    words = parse_words(query)
    if not words:
        raise ProblemError(422, "q: there is no word in it")
    return words


def build_finding_router(served: Served, finding: Finding) -> APIRouter:
    """Build the routes that find records."""
    router = APIRouter(tags=["map"], route_class=ReadRoute)
    endpoints = FindingEndpoints(served, finding)
    for path, endpoint, answer, example in (
        ("/search", endpoints.search, Found, FOUND),
        ("/records", endpoints.records, Records, RECORDS),
        ("/records/{record_id}/neighbours", endpoints.neighbours, Neighbours, NEAR),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            response_model=answer,
            responses={200: {"content": {"application/json": {"example": example}}}}
            | responses(404, 503),
        )
    return router
