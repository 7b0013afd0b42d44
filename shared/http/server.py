"""The HTTP server of every service: uvicorn behind a door of our own."""

import asyncio
import contextlib
import resource
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from shared.errors import ConfigurationError
from shared.http.door import Door, DoorRules
from shared.http.heads import HeadLimits
from shared.http.networks import Trusted
from shared.http.protocol import GuardedProtocol, Patience
from shared.http.seats import Seats

BACKLOG = 2048
FILES_FOR_THE_REST = 256
"""Open files that connections leave to everything else in the process."""
MAX_REQUESTS = 10_000
"""Of one connection; then the client makes another."""
LONGEST_SWEEP_S = 1.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How connections are treated; times in seconds."""

    keepalive_s: int = 30
    shutdown_s: int = 3
    patience: Patience = field(default_factory=Patience)
    heads: HeadLimits = field(default_factory=HeadLimits)
    max_connections: int = 1024
    max_connections_per_client: int = 128
    """Of one address, of IPv6 its first half; not of a trusted proxy."""
    max_requests: int = MAX_REQUESTS
    trusted_proxies: Sequence[str] = ()
    tls: tuple[Path, Path] | None = None
    """Certificate and key."""
    lifespan: Literal["on", "off"] = "off"
    on_refusal: Callable[[int], None] = lambda _status: None
    """Told the status of what the door refuses."""


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process that embeds it has its own."""

    def __init__(self, config: uvicorn.Config, options: ServerOptions) -> None:
        super().__init__(config)
        self._options = options
        self.doors: list[Door] = []

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave the signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(1)
        options, patience = self._options, self._options.patience
        shortest_s = min(patience.head_s, patience.body_s, patience.send_s)
        rules = DoorRules(
            trusted=Trusted(options.trusted_proxies),
            tls=self.config.ssl,
            handshake_s=patience.head_s,
            sweep_s=min(LONGEST_SWEEP_S, shortest_s / 4),
            on_refusal=options.on_refusal,
        )
        self.doors = [
            Door(
                listener,
                self._make_protocol,
                Seats(room_for(options.max_connections), options.max_connections_per_client),
                rules,
            )
            for listener in sockets or ()
        ]
        for door in self.doors:
            door.open()
        self.servers = cast("Any", self.doors)  # what uvicorn closes and waits for
        self.started = True

    def _make_protocol(self) -> GuardedProtocol:
        options = self._options
        state = {
            "config": self.config,
            "server_state": self.server_state,
            "app_state": self.lifespan.state,
        }
        return GuardedProtocol(
            state,
            heads=options.heads,
            patience=options.patience,
            max_requests=options.max_requests,
            on_refusal=options.on_refusal,
        )


def listen(host: str, port: int) -> socket.socket:
    """Listen on an address; connections wait until the server takes them.

    Raises:
        OSError: The address cannot be listened on.
    """
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    # Named as TCP, so that asyncio turns Nagle's algorithm off: else answers take 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def open_socket(host: str, port: int, section: str) -> socket.socket:
    """Listen on the address that a section of the configuration names.

    Raises:
        ConfigurationError: It cannot be listened on.
    """
    try:
        return listen(host, port)
    except OSError as error:
        raise ConfigurationError(
            f"{section}.host, {section}.port: cannot listen on {host}:{port}: {error.strerror}"
        ) from error


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, options: ServerOptions
) -> AsyncIterator[None]:
    """Serve an app on a socket until the block ends; requests under way may finish."""
    server = Server(_configured(app, options), options)
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        try:
            await task
        finally:
            for door in server.doors:
                door.abort()


def room_for(connections: int) -> int:
    """Return how many connections the process has files for, at most as many as are asked for.

    The limit that it may raise itself is raised first. Connections beyond would take the files
    that the process opens to answer others.
    """
    needed = connections + FILES_FOR_THE_REST
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):  # forbidden, as by a filter of system calls
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    room = min(connections, max(soft - FILES_FOR_THE_REST, soft // 2))
    if room < connections:
        log.warning(
            "connections.bounded", asked=connections, room=room, files=hard,
            remedy="allow the process more open files (ulimit -Hn, LimitNOFILE)",
        )  # fmt: skip
    return room


def check_certificate(certificate: Path, key: Path) -> str | None:
    """Tell why a certificate and its key cannot be used; nothing if they can."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        return str(getattr(error, "strerror", None) or error)
    return None


def _configured(app: ASGIApp, options: ServerOptions) -> uvicorn.Config:
    certificate, key = options.tls or (None, None)
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan=options.lifespan,
        server_header=False,
        http=GuardedProtocol,
        ws="none",
        timeout_keep_alive=options.keepalive_s,
        timeout_graceful_shutdown=options.shutdown_s,
        # By default uvicorn believes every process of this machine who its client is.
        proxy_headers=bool(options.trusted_proxies),
        forwarded_allow_ips=list(options.trusted_proxies),
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
