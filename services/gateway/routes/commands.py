"""Endpoints that change something: each publishes a command and tells what became of it."""

from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.gateway.domain.operations import State
from services.gateway.handlers.answers import (
    Accepted,
    Created,
    Forgotten,
    Operation,
    Recomputed,
    Renamed,
    Settled,
)
from services.gateway.handlers.commands import Commands
from services.gateway.ports.collections import CollectionBook
from services.gateway.routes.collection_parameters import CreateRequest, RenameRequest
from services.gateway.routes.collections import NO_COLLECTION
from services.gateway.routes.collections import WHY_503 as AWAY_503
from services.gateway.routes.parameters import (
    Collection,
    DeadLettersRequest,
    ForgetRequest,
    Name,
    OperationId,
    RefitBody,
    RefitRequest,
    RollbackBody,
    RollbackRequest,
    Served,
)
from shared.contracts.base import Command
from shared.contracts.commands import (
    Create,
    Delete,
    Drop,
    Forget,
    Refit,
    Rename,
    Replay,
    Rollback,
    name_of,
)
from shared.http.access import By, OperateRoute, ReadRoute, check_fields
from shared.http.problems import ProblemError, responses

WHY_409 = "It was held: it would move points too far. Has `movement`, `decision`, `version`."
WHY_422 = "The request is malformed (has `errors`), or the command was rejected."
WHY_503 = "The bus is away."
CONFIGURED_409 = "The configuration names it, or it was deleted meanwhile."
LINKS = {
    "operation": {
        "operationId": "operation",
        "parameters": {"operation_id": "$response.body#/correlation_id"},
    }
}
ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"links": LINKS},
    202: {
        "model": Accepted,
        "description": "It takes longer; ask at the address in `Location`.",
        "headers": {
            "Location": {
                "description": "Where to ask what became of it.",
                "schema": {"type": "string"},
                "required": True,
            }
        },
        "links": LINKS,
    },
}


NEXT = "what is complete in its folders is read and mapped; what comes later, too"
NEXT_WITHOUT_SOURCES = "it has no source, so nothing is read for it"
CREATED: dict[str, Any] = {
    "description": "It was made.",
    "headers": {
        "Location": {
            "description": "Where it is told of.",
            "schema": {"type": "string"},
            "required": True,
        }
    },
    "links": {
        "collection": {
            "operationId": "collection",
            "parameters": {"name": "$response.body#/collection"},
        }
    },
}


class CommandEndpoints:
    """Commands, and what became of them."""

    def __init__(self, served: Served, commands: Commands, book: CollectionBook) -> None:
        self._served = served
        self._commands = commands
        self._book = book

    async def recompute(
        self, by: By, collection: Collection = None, body: RefitBody = None
    ) -> Any:
        """Fit the projection to everything counted so far, and move the map to it.

        Answers when the public files hold the new map. A dry run only tells what it would bring.
        """
        asked = body or RefitRequest()
        command = Refit(dry_run=asked.dry_run, force=asked.force, reason=asked.reason)
        return await self._carry_out(by, collection, command)

    async def rollback(
        self, by: By, collection: Collection = None, body: RollbackBody = None
    ) -> Any:
        """Make an older model current again, as a new version.

        Answers when the public files hold its map.
        """
        asked = body or RollbackRequest()
        return await self._carry_out(by, collection, Rollback(to_version=asked.to_version))

    async def forget(self, by: By, body: ForgetRequest, collection: Collection = None) -> Any:
        """Take a source's records off the map and out of the model."""
        return await self._carry_out(by, collection, Forget(source=body.source))

    async def replay(self, by: By, body: DeadLettersRequest, collection: Collection = None) -> Any:
        """Try dead letters again, after what was wrong was mended.

        Answers when they were sent again: their records are in flight then, and mapped or dead
        thereafter. Those that cannot be sent stay dead letters; `refusals` says why.
        """
        return await self._carry_out(by, collection, Replay(**body.fields()))

    async def drop(self, by: By, body: DeadLettersRequest, collection: Collection = None) -> Any:
        """Delete dead letters; their records stay counted as dead, and as dropped."""
        return await self._carry_out(by, collection, Drop(**body.fields()))

    async def rename(self, by: By, name: Name, body: RenameRequest) -> Any:
        """Change title, description or analysis of a collection that is served; its name stays."""
        wish = Rename(**body.model_dump())
        return await self._carry_out(by, name, wish)

    async def create(self, by: By, body: CreateRequest) -> Any:
        """Make a collection while the system runs, of its name and the folders that it names.

        Answers when discovery reads for it; its first records are mapped when the other services
        have taken it up, a moment later.
        """
        done = await self._settle(by, body.name, body.command())
        if isinstance(done, JSONResponse):
            return done
        where = f"/api/collections/{body.name}"
        told = Created(**dict(done), next=NEXT if body.sources else NEXT_WITHOUT_SOURCES)
        return JSONResponse(told.model_dump(mode="json"), 201, {"location": where})

    async def delete(self, by: By, name: Name) -> Any:
        """Delete a collection for good: map, model, messages and all that is known of it.

        Files that it was read from stay; its name is never used again. Answers when nothing is
        left of it, which takes until every stage has said so.
        """
        if await self._book.find(name) is None:
            raise ProblemError(404, NO_COLLECTION.format(name))
        return await self._settle(by, name, Delete(), rejected=409)

    async def operation(self, operation_id: OperationId) -> Operation:
        """Tell what became of a command, whoever sent it and wherever."""
        found = await self._commands.find(operation_id)
        if found is None or not (
            found.collection in self._served.names
            or found.command in (name_of(Create), name_of(Delete))
        ):
            raise ProblemError(404, f"no event answers a command '{operation_id}'")
        return found

    async def _carry_out(self, by: str, collection: str | None, command: Command) -> Any:
        return await self._settle(by, self._served.one(collection), command)

    async def _settle(self, by: str, name: str, command: Command, *, rejected: int = 422) -> Any:
        operation = await self._commands.carry_out(name, command, caller=by)
        return settled(operation, rejected=rejected)


def settled(operation: Operation, *, rejected: int) -> Any:
    """Answer with what became of a command so far.

    Raises:
        ProblemError: It was held, or rejected: that has the status that is given, or 404 if what
            it is about is not there.
    """
    if operation.state is State.PENDING:
        where = f"/operations/{operation.id}"
        body = Accepted(
            operation=where, correlation_id=operation.id, collection=operation.collection
        )
        return JSONResponse(body.model_dump(mode="json"), 202, {"location": where})
    if operation.state is State.DONE:
        return operation.result
    facts = operation.model_dump(
        mode="json", include={"movement", "decision", "version"}, exclude_none=True
    )
    refused = 404 if operation.is_unknown else rejected
    raise ProblemError(
        409 if operation.state is State.HELD else refused,
        operation.reason or "",
        correlation_id=operation.id,
        collection=operation.collection,
        **facts,
    )


def build_command_router(served: Served, commands: Commands, book: CollectionBook) -> APIRouter:
    """Build the routes of commands."""
    router = APIRouter(tags=["commands"], route_class=OperateRoute)
    endpoints = CommandEndpoints(served, commands, book)
    refused = responses(404, 413, 503, s422=WHY_422, s503=WHY_503)
    held = responses(404, 409, 413, 503, s409=WHY_409, s422=WHY_422, s503=WHY_503)
    for path, endpoint, answer, problems, method in (
        ("/recompute-projection", endpoints.recompute, Recomputed, held, "POST"),
        ("/rollback", endpoints.rollback, Recomputed, held, "POST"),
        ("/forget", endpoints.forget, Forgotten, refused, "POST"),
        ("/dead-letters/replay", endpoints.replay, Settled, refused, "POST"),
        ("/dead-letters/drop", endpoints.drop, Settled, refused, "POST"),
        ("/api/collections/{name}", endpoints.rename, Renamed, refused, "PATCH"),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_model=answer,
            responses=ACCEPTED | problems,
            dependencies=[Depends(check_fields)],
        )
    router.add_api_route(
        "/api/collections",
        endpoints.create,
        methods=["POST"],
        status_code=201,
        response_model=Created,
        responses={201: CREATED, 202: ACCEPTED[202]} | refused,
        dependencies=[Depends(check_fields)],
    )
    router.add_api_route(
        "/api/collections/{name}",
        endpoints.delete,
        methods=["DELETE"],
        response_model=Renamed,
        responses=ACCEPTED | responses(404, 409, 503, s409=CONFIGURED_409, s503=AWAY_503),
        dependencies=[Depends(check_fields)],
    )
    router.add_api_route(
        "/operations/{operation_id}",
        endpoints.operation,
        operation_id="operation",
        methods=["GET"],
        response_model=Operation,
        responses=responses(404, 503, s503=WHY_503),
        route_class_override=ReadRoute,
    )
    return router
