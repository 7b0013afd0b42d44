"""What tus 1.0.0 asks of every answer of its addresses, and of every request that changes some.

Its header is none that a form of another page can send, as no form can send PATCH or DELETE: so it
stands in for the header that other uploads have.
"""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.domain.half_uploads import ALGORITHMS
from services.gateway.routes.uploads import STREAMS as AT_ONCE
from shared.http.problems import ProblemError
from shared.http.streamed import Stream, Streams

VERSION = "1.0.0"
RESUMABLE = "tus-resumable"
OFFSET_TYPE = "application/offset+octet-stream"
EXTENSIONS = ("creation", "creation-with-upload", "expiration", "checksum", "termination")
OVERRIDE = "x-http-method-override"
OVERRIDES = frozenset({"PATCH", "DELETE"})
ALL = re.compile("/api/collections/[^/]*/uploads")
ONE = re.compile("/api/collections/[^/]*/uploads/[^/]*")
NO_CONTENT = 204
TUS_HEADERS = (
    RESUMABLE,
    "tus-version",
    "tus-extension",
    "tus-max-size",
    "tus-checksum-algorithm",
    "upload-offset",
    "upload-length",
    "upload-metadata",
    "upload-expires",
)
"""What pages of listed origins may read."""
SENT_HEADERS = (
    RESUMABLE,
    "upload-offset",
    "upload-length",
    "upload-metadata",
    "upload-checksum",
    OVERRIDE,
)
"""What they may send."""


class Tus:
    """An ASGI app around another, whose addresses for resumable uploads speak tus."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        """Take what answers, and how large a file may be."""
        self._app = app
        self._told = {
            "tus-version": VERSION,
            "tus-extension": ",".join(EXTENSIONS),
            "tus-max-size": str(max_bytes),
            "tus-checksum-algorithm": ",".join(ALGORITHMS),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and say in the answer what the protocol wants said."""
        path = scope["path"] if scope["type"] == "http" else ""
        if ALL.fullmatch(path) or ONE.fullmatch(path):
            wanted = Headers(scope=scope).get(OVERRIDE, "").upper()
            if scope["method"] == "POST" and wanted in OVERRIDES:
                scope["method"] = wanted
            send = self._saying(send, is_asked=scope["method"] == "OPTIONS")
        await self._app(scope, receive, send)

    def _saying(self, send: Send, *, is_asked: bool) -> Send:
        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[RESUMABLE] = VERSION
                if is_asked and message["status"] == NO_CONTENT:
                    headers.update(self._told)
            await send(message)

        return send_told


def require_version(headers: Headers) -> None:
    """Check that a request speaks this version, so that no form of a page has sent it.

    Raises:
        ProblemError: It does not.
    """
    if headers.get(RESUMABLE) != VERSION:
        raise ProblemError(
            412,
            f"this needs the header Tus-Resumable: {VERSION}; see https://tus.io",
            headers={"tus-version": VERSION},
        )


def speaks_tus(request: Request) -> None:
    """Check the same of a request whose body is not taken piece by piece; raises the same."""
    require_version(request.headers)


def has_piece(headers: Headers) -> bool:
    """Tell whether a request has a piece of a file in its body."""
    return headers.get("content-type", "").partition(";")[0].strip().lower() == OFFSET_TYPE


def _require_piece(headers: Headers) -> None:
    require_version(headers)
    if not has_piece(headers):
        raise ProblemError(415, f"a piece of a file is sent as {OFFSET_TYPE}")


def _require_beginning(headers: Headers) -> None:
    require_version(headers)
    if "content-type" in headers:
        _require_piece(headers)


STREAMS: Streams = {
    "POST": (*AT_ONCE["POST"], Stream(ALL, _require_beginning)),
    "PATCH": (Stream(ONE, _require_piece),),
}
"""All bodies that are taken as they come, also of uploads that are sent at once."""
