"""Endpoints that tell of dead letters."""

from typing import Any

from fastapi import APIRouter
from starlette.convertors import Convertor, register_url_convertor

from services.gateway.handlers.answers import LetterList, WholeLetter
from services.gateway.handlers.dead_letters import Letters
from services.gateway.routes.parameters import (
    AfterLetter,
    Collection,
    LetterNumber,
    Limit,
    OfSource,
    OfStage,
    Served,
    Since,
)
from shared.contracts.commands import Selection
from shared.http.access import ReadRoute
from shared.http.problems import ProblemError, responses

EXAMPLE: dict[str, Any] = {
    "sequence": 17,
    "stored_at": "2026-01-31T09:00:00Z",
    "stage": "discovery",
    "collection": "default",
    "reason": "not JSON: unexpected end of data",
    "attempts": 1,
    "records": 1,
    "filename": "runs/a.jsonl",
    "line": 3,
    "last_line": None,
    "byte_offset": 214,
    "bytes": 11,
    "record_id": None,
    "source_id": "5f1d7a84db00d2fce00b31a7fc73224f",
    "source_version": 1,
    "batch_id": None,
    "subject": None,
}
PAGE = {"collection": "default", "total": 1, "next_after": None, "items": [EXAMPLE]}
WHOLE = EXAMPLE | {"text": '{"type": "i', "base64": None, "rows": None}


class NumberConvertor(Convertor[str]):
    """Matches a number only: no letter is called replay or drop, which are commands."""

    regex = "[0-9]{1,16}"

    def convert(self, value: str) -> str:
        """Leave it to the parameter's type."""
        return value

    def to_string(self, value: str) -> str:
        """Leave it as it is."""
        return value


register_url_convertor("number", NumberConvertor())


class LetterEndpoints:
    """Decodes requests and calls the handlers."""

    def __init__(self, served: Served, letters: Letters) -> None:
        self._served = served
        self._letters = letters

    async def list_letters(
        self,
        *,
        collection: Collection = None,
        stage: OfStage = None,
        source: OfSource = None,
        since: Since = None,
        after: AfterLetter = 0,
        limit: Limit = 50,
    ) -> LetterList:
        """List the dead letters of a collection, oldest first, without what they hold."""
        selection = Selection(stage=stage, source=source, since=since)
        name = self._served.one(collection)
        return await self._letters.page(name, selection, after=after, limit=limit)

    async def get_letter(self, sequence: LetterNumber) -> WholeLetter:
        """Return all that is known of a dead letter, and what it holds."""
        found = await self._letters.find(sequence, self._served.names)
        if found is None:
            raise ProblemError(
                404, f"there is no dead letter {sequence}; GET /dead-letters lists what there is"
            )
        return found


def build_letter_router(served: Served, letters: Letters) -> APIRouter:
    """Build the routes that read dead letters; commands change them."""
    router = APIRouter(tags=["dead letters"], route_class=ReadRoute)
    endpoints = LetterEndpoints(served, letters)
    links = {
        "oldest": {
            "operationId": "letter",
            "parameters": {"sequence": "$response.body#/items/0/sequence"},
        }
    }
    router.add_api_route(
        "/dead-letters",
        endpoints.list_letters,
        methods=["GET"],
        response_model=LetterList,
        responses={200: {"links": links} | _example(PAGE)} | responses(404, 503),
    )
    router.add_api_route(
        "/dead-letters/{sequence:number}",
        endpoints.get_letter,
        operation_id="letter",
        methods=["GET"],
        response_model=WholeLetter,
        responses={200: _example(WHOLE)} | responses(404, 503),
    )
    return router


def _example(body: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"example": body}}}
