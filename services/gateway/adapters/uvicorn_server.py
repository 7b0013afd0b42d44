"""The HTTP server, with patience for no client without end."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.errors import ConfigurationError
from shared.observability.health import Server

BACKLOG = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How connections are treated; times in seconds."""

    keepalive_s: int = 30
    shutdown_s: int = 3
    head_timeout_s: float = 15.0
    """How long the head of a request may take to come, from the connection or its first byte."""
    max_header_bytes: int = 16_384
    max_connections: int = 1024
    trusted_proxies: Sequence[str] = ()
    tls: tuple[Path, Path] | None = None
    """Certificate and key."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Listen on an address; connections wait until the server takes them.

    Raises:
        ConfigurationError: The address cannot be listened on.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # Named as TCP, so that asyncio turns Nagle's algorithm off: else answers take 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise ConfigurationError(f"gateway.host: {host}: {error.strerror}") from error
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            listener.listen(BACKLOG)
        except OSError as error:
            raise ConfigurationError(
                f"gateway.host, gateway.port: cannot listen on {host}:{port}: {error.strerror}"
            ) from error
        yield listener


def check_certificate(certificate: Path, key: Path) -> None:
    """Check that a certificate and its key can be used.

    Raises:
        ConfigurationError: Says what is wrong.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise ConfigurationError(
            f"gateway.tls_certificate, gateway.tls_key: {certificate} and {key} must be readable "
            f"PEM files that belong together, the key without password: "
            f"{getattr(error, 'strerror', None) or error}"
        ) from error


@asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, options: ServerOptions
) -> AsyncIterator[None]:
    """Serve an app on a socket until the block ends; requests under way may finish."""
    server = Server(_configured(app, options))
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _configured(app: ASGIApp, options: ServerOptions) -> uvicorn.Config:
    certificate, key = options.tls or (None, None)
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        http=type("Protocol", (_ImpatientProtocol,), {"head_timeout_s": options.head_timeout_s}),
        ws="none",
        h11_max_incomplete_event_size=options.max_header_bytes,
        limit_concurrency=options.max_connections,
        timeout_keep_alive=options.keepalive_s,
        timeout_graceful_shutdown=options.shutdown_s,
        # By default uvicorn believes every process of this machine who its client is.
        proxy_headers=bool(options.trusted_proxies),
        forwarded_allow_ips=list(options.trusted_proxies),
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


class _ImpatientProtocol(H11Protocol):
    """Closes connections whose requests do not come to their point.

    uvicorn itself waits without end for the head of a request.
    """

    head_timeout_s = 15.0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        self._wait()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._waiting is None and self.conn.their_state is h11.IDLE:
            self._waiting = self.loop.call_later(self.head_timeout_s, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
