"""HEAD wherever GET is answered, OPTIONS everywhere, and for a 405 every method of the path."""

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALL = frozenset({"GET", "POST"})
REFUSED = 405


class Methods:
    """An ASGI app around the routes, which know one method each."""

    def __init__(self, app: ASGIApp, routers: Sequence[APIRouter]) -> None:
        self._app = app
        self._routes = [
            route for router in routers for route in router.routes if isinstance(route, APIRoute)
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        methods = self._methods(scope["path"])
        like_get = {"HEAD"} if "GET" in methods else set()
        allowed = ", ".join(sorted(methods | {"OPTIONS"} | like_get))
        if scope["method"] == "OPTIONS" and methods:
            await Response(status_code=204, headers={"allow": allowed})(scope, receive, send)
        elif scope["method"] == "HEAD" and "GET" in methods:
            asked = {**scope, "method": "GET"}
            try:
                await self._app(asked, receive, _only_head(send))
            finally:
                scope["endpoint"] = asked.get("endpoint")  # for what measures around us
        else:
            await self._app(scope, receive, _naming(allowed, send))

    def _methods(self, path: str) -> frozenset[str]:
        if path == "*":
            return ALL
        matching = [route.methods or () for route in self._routes if route.path_regex.match(path)]
        return frozenset().union(*matching)


def _only_head(send: Send) -> Send:
    """Send the head and end there; a stream behind it notices that nobody reads it."""

    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return send_head


def _naming(allowed: str, send: Send) -> Send:
    async def send_named(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == REFUSED:
            MutableHeaders(scope=message)["allow"] = allowed
        await send(message)

    return send_named
