"""Health over HTTP: ``/health`` says that the process lives, ``/ready`` that it does its work."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

READY = frozenset({"running"})


def build_health(status: Callable[[], Mapping[str, Any]]) -> Starlette:
    """Answer ``/health`` and ``/ready`` from a status whose field ``state`` says what goes on."""

    async def health(_request: Request) -> JSONResponse:
        return JSONResponse(dict(status()))

    async def ready(_request: Request) -> JSONResponse:
        now = dict(status())
        return JSONResponse(now, status_code=200 if now.get("state") in READY else 503)

    return Starlette(routes=[Route("/health", health), Route("/ready", ready)])


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
        server = Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))  # noqa: TID251  awaited below
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task
