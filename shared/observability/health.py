"""Health over HTTP: ``/health`` says that the process lives, ``/ready`` that it does its part.

Beside them, ``/metrics`` tells what was measured, for Prometheus.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.http import server
from shared.http.server import ServerOptions, listen
from shared.observability.http_metrics import count_refusals
from shared.observability.instruments import CONTENT_TYPE, Reading, render

READY = frozenset({"running", "standby"})
"""Whoever stands by does so while another works: it is there to take over."""
OPTIONS = ServerOptions(max_connections=128, max_connections_per_client=32)


def build_health(
    status: Callable[[], Mapping[str, Any]], readings: Callable[[], Iterable[Reading]] = tuple
) -> Starlette:
    """Answer over HTTP how a service is.

    Args:
        status: What it tells; its field ``state`` says what goes on.
        readings: Gauges that are looked up when somebody asks, in a thread.
    """

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse(dict(status()))

    async def ready(_request: Request) -> JSONResponse:
        now = dict(status())
        return JSONResponse(now, status_code=200 if now.get("state") in READY else 503)

    routes = [Route("/health", health), Route("/ready", ready), metrics_route(readings)]
    return Starlette(routes=routes)


def metrics_route(readings: Callable[[], Iterable[Reading]] = tuple) -> Route:
    """Answer ``/metrics`` in Prometheus's text format."""

    def tell(_request: Request) -> Response:  # not async: Starlette calls it in a thread
        return Response(render(readings()), media_type=CONTENT_TYPE)

    return Route("/metrics", tell)


@contextlib.asynccontextmanager
async def serving(app: Starlette, host: str, port: int, stage: str = "") -> AsyncIterator[int]:
    """Serve an ASGI app until the block ends; yields the port.

    Raises:
        OSError: The port is taken, or the address is not this machine's.
    """
    options = replace(OPTIONS, on_refusal=count_refusals(stage))
    with listen(host, port) as listener:  # so that it is known now whether the port is taken
        bound = listener.getsockname()[1]
        async with server.serving(app, listener, options):
            yield bound
