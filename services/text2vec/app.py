"""The composition root: which model fills the port, and the HTTP server around it."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware

from services.text2vec.adapters.minilm_text_encoder import MinilmTextEncoder
from services.text2vec.adapters.static_text_encoder import StaticTextEncoder
from services.text2vec.ports import TextEncoder
from services.text2vec.routes import Limits, build_error_handlers, build_routes
from services.text2vec.settings import Settings, Text2vecSection
from shared.errors import ConfigurationError
from shared.observability import tracing
from shared.observability.http_metrics import MeasuredHttp
from shared.observability.logs import set_up_logs

log = structlog.get_logger(__name__)


def load_encoder(section: Text2vecSection) -> TextEncoder:
    """Load the model that the settings name.

    Raises:
        ConfigurationError: The model isn't installed or its files are damaged.
    """
    return MinilmTextEncoder.load() if section.model == "minilm" else StaticTextEncoder.load()


def build_app(section: Text2vecSection, encoder: TextEncoder) -> Starlette:
    """Wire the routes to a model, which gets a thread of its own."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
    limits = Limits(
        max_batch=section.max_batch,
        max_body_bytes=section.max_body_bytes,
        max_requests=section.max_requests,
        api_key=section.api_key.get_secret_value() if section.api_key else None,
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        executor.shutdown(cancel_futures=True)

    return Starlette(
        routes=build_routes(encoder, executor, limits),
        exception_handlers=build_error_handlers(),
        lifespan=lifespan,
        middleware=[Middleware(MeasuredHttp, stage="text2vec")],
    )


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on an address; connections wait until the server takes them.

    The protocol is named, since asyncio turns Nagle's algorithm off (40 ms an answer otherwise)
    only on sockets that say they are TCP.

    Raises:
        ConfigurationError: The address can't be listened on.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(2048)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        where = f"text2vec.host, text2vec.port: can't listen on {host}:{port}"
        raise ConfigurationError(f"{where}: {error.strerror}") from error
    return listener


def run(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        ConfigurationError: The model or the address can't be had.
    """
    set_up_logs("text2vec", level=settings.log.level, style=settings.log.format)
    section = settings.text2vec
    encoder = load_encoder(section)
    config = uvicorn.Config(
        build_app(section, encoder),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=section.shutdown_s,
    )
    with open_socket(section.host, section.port) as listener:
        host, port = listener.getsockname()[:2]
        log.info("server.started", host=host, port=port, model=encoder.model_id)
        endpoint = settings.tracing.endpoint
        with tracing.exporting("mapstream-text2vec", str(endpoint) if endpoint else None):
            asyncio.run(serve(uvicorn.Server(config), listener))
    log.info("server.stopped")


async def serve(server: uvicorn.Server, listener: socket.socket) -> None:
    """Serve on a socket until SIGINT or SIGTERM.

    uvicorn raises the signal again at its end, which would make the exit code -15; with handlers
    of our own underneath, the second one finds them and does nothing more.
    """
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    await server.serve(sockets=[listener])
