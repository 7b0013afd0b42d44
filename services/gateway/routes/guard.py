"""What every request passes: which host it means, where it comes from, how large it is."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.routes.problems import problem_response

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
"""Set where the answer does not say otherwise."""


class Guard:
    """An ASGI app around another."""

    def __init__(
        self, app: ASGIApp, *, allowed_hosts: Collection[str] | None, max_body_bytes: int
    ) -> None:
        self._app = app
        self._allowed_hosts = allowed_hosts
        """None: any. Else a foreign name means that a page's name was bent to our address."""
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or hand it on with its whole body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        body = b""
        if refusal is None and scope["method"] not in SAFE:
            read = await self._read(receive)
            if read is None:
                limit = f"the body is too large: at most {self._max_body_bytes} bytes"
                refusal = (413, limit)
            else:
                body = read
                receive = _replaying(body, receive)
        if refusal is None:
            await self._app(scope, receive, send_guarded)
            return
        close = {"connection": "close"}
        answer = problem_response(scope["path"], *refusal, headers=close)
        await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = _host_of(f"//{host}")
        if self._allowed_hosts is not None and name not in self._allowed_hosts:
            return 421, f"this server is not '{host}'; setting gateway.allowed_hosts names others"
        # A page of another site can post here without being asked, though it reads no answer.
        origin = headers.get("origin")
        is_foreign = origin is not None and _address_of(origin) != host.lower()
        if scope["method"] not in SAFE and is_foreign:
            return 403, f"a page of '{origin}' may not send commands"
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body_bytes:
            return 413, f"the body is too large: at most {self._max_body_bytes} bytes"
        return None

    async def _read(self, receive: Receive) -> bytes | None:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._max_body_bytes:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def allowed_hosts(host: str, more: Collection[str]) -> frozenset[str] | None:
    """Return the names that requests may call a server by that listens on an address."""
    if host in LOOPBACK:
        return LOOPBACK | frozenset(more)
    return LOOPBACK | {host} | frozenset(more) if more else None


def _address_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _replaying(body: bytes, receive: Receive) -> Receive:
    messages: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
