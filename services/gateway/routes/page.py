"""The page that people see, and its files."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from services.gateway.ports.page import INDEX, Page, PageFile
from shared.http.access import OpenRoute
from shared.http.problems import ProblemError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types lit-html"
)
"""Nothing inline, nothing evaluated, nothing from elsewhere, no text taken for code."""
NOT_BUILT = """\
The page is not built here; everything else works. To get it, in the checkout:

    make page

Then start again. A wheel of Mapstream has it inside, and so has an image, unless its build said
otherwise: docker compose build --no-cache gateway. Without it there are /openapi.json, which
describes the API, and: mapstream status
"""
FOR_EVER = "public, max-age=31536000, immutable"
VARYING = {"vary": "accept-encoding", "content-security-policy": POLICY}


class PageEndpoints:
    """Sends what was built."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def index(self, request: Request) -> Response:
        """Send the page; it asks whoever opens it for a token, if one is needed."""
        file = self._page.get(INDEX)
        if file is None:
            return PlainTextResponse(NOT_BUILT, 404)
        return _sent(request, file, "no-cache")

    async def file(self, name: str, request: Request) -> Response:
        """Send a file of the page; its name holds its hash, so it never changes."""
        file = self._page.get(name)
        if file is None or name == INDEX:
            raise ProblemError(404, "the page has no such file: load it again")
        return _sent(request, file, FOR_EVER)


def _sent(request: Request, file: PageFile, caching: str) -> Response:
    headers = VARYING | {"cache-control": caching}
    body = file.body
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers = file.packed, headers | {"content-encoding": "gzip"}
    return Response(body, media_type=file.media_type, headers=headers)


def build_page_router(page: Page) -> APIRouter:
    """Build the routes of the page; they are no part of the API."""
    router = APIRouter(route_class=OpenRoute)
    endpoints = PageEndpoints(page)
    for path, endpoint in (("/", endpoints.index), ("/page/{name}", endpoints.file)):
        router.add_api_route(
            path, endpoint, response_class=Response, response_model=None, include_in_schema=False
        )
    return router
