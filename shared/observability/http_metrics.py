"""Measures the requests that an ASGI app answers, and traces them."""

from collections.abc import Callable
from time import perf_counter

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability import metrics, tracing

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SERVER_ERROR = 500
NONE = "none"
"""The endpoint of a request that no route takes."""


class MeasuredHttp:
    """An ASGI app around another, which must be Starlette's or FastAPI's."""

    def __init__(self, app: ASGIApp, *, stage: str) -> None:
        self._app = app
        self._stage = stage
        metrics.HTTP_ERRORS.begin(stage=stage)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        stage, started = self._stage, perf_counter()
        method = scope["method"] if scope["method"] in METHODS else "other"
        try:
            part_of = tracing.remote(Headers(scope=scope))
            with (
                metrics.HTTP_IN_FLIGHT.during(stage=stage),
                tracing.span(f"HTTP {method}", "server", part_of=part_of),
            ):
                await self._app(scope, receive, send_noted)
        finally:
            endpoint = getattr(scope.get("endpoint"), "__name__", NONE)
            labels = {"stage": stage, "endpoint": endpoint}
            if status >= SERVER_ERROR:
                metrics.HTTP_ERRORS.add(stage=stage)
            metrics.HTTP_REQUESTS.add(method=method, status=str(status), **labels)
            metrics.HTTP_REQUEST.observe(perf_counter() - started, **labels)


def count_refusals(stage: str) -> Callable[[int], None]:
    """Return what notes that a service's door refused something, by the status of the answer."""

    def count(status: int) -> None:
        metrics.HTTP_REFUSALS.add(stage=stage, status=str(status))

    return count
