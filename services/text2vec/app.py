"""The composition root: which model fills the port, and the HTTP server around it."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware

from services.text2vec.adapters.minilm_text_encoder import MinilmTextEncoder
from services.text2vec.adapters.static_text_encoder import StaticTextEncoder
from services.text2vec.ports import TextEncoder
from services.text2vec.routes import Limits, build_error_handlers, build_routes
from services.text2vec.settings import Settings, Text2vecSection
from shared.arguments import answer_arguments
from shared.errors import ConfigurationError
from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from shared.http.protocol import Patience
from shared.http.server import ServerOptions, open_socket, serving
from shared.mistakes import tell
from shared.observability import tracing
from shared.observability.http_metrics import MeasuredHttp, count_refusals
from shared.observability.logs import set_up_logs
from shared.preflight import CHECK_OPTION, OPTIONS, Check, examine, tell_findings
from shared.redaction import guard_exceptions

CONNECTIONS_PER_CLIENT = 512
"""One embedding service, on an address of its own, may well need more than a stranger."""
log = structlog.get_logger(__name__)


def main() -> int:
    """Run until told to stop, or only look at the place, and return the exit code."""
    guard_exceptions()
    answer_arguments(sys.argv, OPTIONS)
    if CHECK_OPTION in sys.argv[1:]:
        return tell_findings(lambda: examine(checks(Settings.load())))
    try:
        run(Settings.load())
    except ConfigurationError as error:
        return tell(error)
    return 0


def load_encoder(section: Text2vecSection) -> TextEncoder:
    """Load the model that the settings name.

    Raises:
        ConfigurationError: The model isn't installed or its files are damaged.
    """
    return MinilmTextEncoder.load() if section.model == "minilm" else StaticTextEncoder.load()


def checks(settings: Settings) -> Sequence[Check]:
    """List what the service needs of its place."""
    section = settings.text2vec
    return (Check(f"text2vec.model: {section.model}", lambda: load_encoder(section).model_id),)


def build_app(section: Text2vecSection, encoder: TextEncoder) -> Starlette:
    """Wire the routes to a model, which gets a thread of its own."""
    executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="encoder")
    limits = Limits(
        max_batch=section.max_batch,
        max_body_bytes=section.max_body_bytes,
        max_requests=section.max_requests,
        keyring=keyring_of(section.api_key.get_secret_value() if section.api_key else None),
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


def keyring_of(api_key: str | None) -> Keyring:
    """Return the only token that is known, or none if no key is asked for."""
    caller = Caller("api_key", Role.READ)
    return Keyring([Credential(caller, digest_of(api_key))] if api_key else ())


def run(settings: Settings) -> None:
    """Serve until told to stop.

    Raises:
        ConfigurationError: The model or the address can't be had.
    """
    set_up_logs("text2vec", level=settings.log.level, style=settings.log.format)
    section = settings.text2vec
    encoder = load_encoder(section)
    options = ServerOptions(
        shutdown_s=section.shutdown_s,
        patience=Patience(body_s=section.receive_timeout_s),
        max_connections_per_client=CONNECTIONS_PER_CLIENT,
        lifespan="on",
        on_refusal=count_refusals("text2vec"),
    )
    app = build_app(section, encoder)
    with open_socket(section.host, section.port, "text2vec") as listener:
        host, port = listener.getsockname()[:2]
        log.info("server.started", host=host, port=port, model=encoder.model_id)
        endpoint = settings.tracing.endpoint
        with tracing.exporting("mapstream-text2vec", str(endpoint) if endpoint else None):
            asyncio.run(serve(app, listener, options))
    log.info("server.stopped")


async def serve(app: Starlette, listener: socket.socket, options: ServerOptions) -> None:
    """Serve on a socket until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(app, listener, options):
        await stop.wait()
