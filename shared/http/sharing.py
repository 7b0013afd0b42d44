"""Lets pages of other sites use the API, if they are named (CORS)."""

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from shared.http.marks import UPLOAD_HEADER

METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
ASKED = ("authorization", "content-type", "last-event-id", UPLOAD_HEADER)
TOLD = ("location", "retry-after", "www-authenticate")


def share(
    app: ASGIApp,
    origins: Collection[str],
    told: Collection[str] = (),
    asked: Collection[str] = (),
) -> ASGIApp:
    """Allow pages of some origins what they may not by default.

    Args:
        app: What they may use.
        origins: Where the pages come from; none: nothing is allowed.
        told: Names of headers that they may read besides those of every service.
        asked: Names of headers that they may send besides those of every service.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=tuple(origins),
        allow_methods=METHODS,
        allow_headers=(*ASKED, *asked),
        expose_headers=(*TOLD, *told),
        max_age=600,
    )
