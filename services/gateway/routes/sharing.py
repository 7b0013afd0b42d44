"""Lets pages of other sites use the API, if they are named (CORS)."""

from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

METHODS = ("GET", "HEAD", "POST")
ASKED = ("authorization", "content-type", "last-event-id")
TOLD = (
    "location",
    "retry-after",
    "www-authenticate",
    "x-mapstream-dataset-version",
    "x-mapstream-model-version",
    "x-mapstream-more",
    "x-mapstream-since",
)


def share(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Allow pages of these origins what they may not by default; without origins, nothing."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=tuple(origins),
        allow_methods=METHODS,
        allow_headers=ASKED,
        expose_headers=TOLD,
        max_age=600,
    )
