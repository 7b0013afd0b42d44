"""The endpoint that tells who gave which command, and what became of it."""

from fastapi import APIRouter

from services.gateway.handlers.audit import Audit
from services.gateway.routes.parameters import AfterEntry, Collection, Limit, Served
from shared.contracts.audit import AuditPage
from shared.http.access import OperateRoute
from shared.http.problems import responses


class AuditEndpoints:
    """Decodes requests and calls the handler."""

    def __init__(self, served: Served, audit: Audit) -> None:
        self._served = served
        self._audit = audit

    async def list_commands(
        self, *, collection: Collection = None, after: AfterEntry = 0, limit: Limit = 50
    ) -> AuditPage:
        """List the commands of a collection, oldest first: who, when, what, and what came of it.

        Refused ones are among them. The bus keeps them for a year, apart from the events.
        """
        return await self._audit.page(self._served.one(collection), after=after, limit=limit)


def build_audit_router(served: Served, audit: Audit) -> APIRouter:
    """Build the route of audited commands."""
    router = APIRouter(tags=["audit"], route_class=OperateRoute)
    router.add_api_route(
        "/audit",
        AuditEndpoints(served, audit).list_commands,
        methods=["GET"],
        response_model=AuditPage,
        responses=responses(404, 503, s503="The bus is away."),
    )
    return router
