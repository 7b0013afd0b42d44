"""Puts the HTTP API together."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from services.gateway.handlers.finding import NoNeighboursError
from services.gateway.handlers.maps import NoMapError, OutdatedError
from services.gateway.handlers.resumable import (
    ChecksumError,
    OffsetError,
    TooLongError,
    TooManyUploadsError,
)
from services.gateway.handlers.runs import NoRegionError
from services.gateway.handlers.upload_options import UploadRefusedError
from services.gateway.ports import PositionLostError
from services.gateway.ports.half_uploads import BusyUploadError, NoUploadError
from services.gateway.ports.matches import NoMatchingError
from services.gateway.ports.search import NoVectorsError
from shared.http.access import OpenRoute, describe_roles, roles
from shared.http.methods import Methods
from shared.http.problems import Problem, add_problem_handlers

TITLE = "Mapstream"
STATUSES: dict[type[Exception], int] = {
    NoUploadError: 404,
    OffsetError: 409,
    TooManyUploadsError: 409,
    TooLongError: 413,
    UploadRefusedError: 422,
    BusyUploadError: 423,
    ChecksumError: 460,
    NoMapError: 404,
    NoRegionError: 404,
    NoNeighboursError: 404,
    NoVectorsError: 404,
    NoMatchingError: 422,
    OutdatedError: 410,
    PositionLostError: 410,
}
ABOUT = (
    "A live map of a growing pile of text. Errors are problem details (RFC 9457). A query "
    "parameter that is not listed here is refused with 422, wherever it is sent."
)


def build_api(routers: Sequence[APIRouter], *, version: str) -> FastAPI:
    """Build the app; without pages of documentation, which would be loaded from elsewhere.

    Raises:
        TypeError: A route does not say what it asks of its caller.
    """
    app = FastAPI(
        title=TITLE,
        description=ABOUT,
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    roles(routers)  # or it does not start
    for router in routers:
        app.include_router(router)
    add_problem_handlers(app, STATUSES, service="gateway")

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=TITLE, version=version, description=ABOUT, routes=app.routes
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            describe_roles(document, routers, "gateway")
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi
    own = APIRouter(route_class=OpenRoute)
    own.add_api_route("/openapi.json", openapi, include_in_schema=False)
    app.include_router(own)
    app.add_middleware(Methods, routers=(*routers, own))
    return app
