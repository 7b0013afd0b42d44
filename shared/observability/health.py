"""Health over HTTP: ``/health`` says that the process lives, ``/ready`` that it does its work.

Beside them, ``/metrics`` tells what was measured, for Prometheus.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.observability.instruments import CONTENT_TYPE, Reading, render

READY = frozenset({"running"})
BACKLOG = 128


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


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process that embeds it has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave the signals alone."""
        yield


@contextlib.asynccontextmanager
async def serving(app: Starlette, host: str, port: int) -> AsyncIterator[int]:
    """Serve an ASGI app until the block ends; yields the port.

    Raises:
        OSError: The port is taken, or the address is not this machine's.
    """
    # Named as TCP, so that asyncio turns Nagle's algorithm off: else every answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)  # so that it is known now whether the port is taken
        server = Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))  # noqa: TID251  awaited below
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task
