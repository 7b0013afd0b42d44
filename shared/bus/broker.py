"""Builds what a service needs of the bus: a broker, a publisher, and what settles messages."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats.aio.client
import structlog
from faststream.nats import NatsBroker, NatsRouter
from faststream.nats.security import NatsSecurity, NatsUserPassword
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import APIError

from shared.bus.connection import inbox_prefix, is_answering, jetstream, servers, tls_context
from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.consuming.durable_subscriber import durable_subscribers, included
from shared.bus.consuming.poison_guard import PoisonGuard
from shared.bus.consuming.pull_consumer import ANSWER_S
from shared.bus.consuming.settling import Settler
from shared.bus.fitness import (
    WITHOUT_JETSTREAM,
    no_jetstream,
    refusal,
    require_fit_server,
    require_jetstream,
)
from shared.bus.publishing.dead_letter_limit import DeadLetterLimits
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.users import OWN_API, SERVER_API
from shared.errors import EXIT_CONFIGURATION, ConfigurationError, Unfit
from shared.observability import metrics
from shared.settings import NatsSection
from shared.task_groups import TaskGroup, end
from shared.waits import WAITS

CONNECTION_LOST = 70
JETSTREAM = (SERVER_API.lower(), OWN_API)
"""What the subjects of its requests begin with, as nats-py writes them in errors."""
IN_HAND = "in-hand"
BUS = "connecting to the bus"
READ_BUFFER = 1 << 20
SIGNS_OF_LIFE = 3
"""How many the server gets within the time that it waits for one."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Bus:
    """One service's connection to NATS: it waits for the server for ever."""

    service: str
    broker: NatsBroker = field(init=False)
    publisher: Publisher = field(init=False)
    settler: Settler = field(init=False)
    section: NatsSection = field(default_factory=NatsSection)
    closing: bool = field(default=False, init=False)
    refused: Unfit | None = field(default=None, init=False)
    """What the server refused last on this connection."""
    _client: Client | None = field(default=None, init=False)
    _refusals: int = field(default=0, init=False)
    _given_up: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def connect(self) -> Client:
        """Connect, waiting for the server as long as that takes.

        Raises:
            Unfit: It refuses us, or is not fit for us; waiting longer would be in vain.
        """
        connecting: asyncio.Task[Any] = asyncio.ensure_future(self.broker.connect())
        given_up: asyncio.Task[Any] = asyncio.ensure_future(self._given_up.wait())
        try:
            await asyncio.wait({connecting, given_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end([given_up, connecting])
        if connecting.cancelled():
            raise self.refused or ConfigurationError("the bus refuses us")
        try:
            self._client = connecting.result()
        except (NatsError, OSError) as error:
            raise refusal(error, self.section) or error from error
        WAITS.over(BUS)
        require_fit_server(self._client)
        await require_jetstream(self._client)
        return self._client

    def require_welcome(self, error: Exception) -> None:
        """Tell a failure that comes each time from one that passes, before all is well.

        Raises:
            Unfit: The server refuses what is asked, or has no JetStream for this account.
        """
        if self.refused and any(one in self.refused.found.lower() for one in JETSTREAM):
            raise self.refused
        if isinstance(error, APIError) and error.err_code in WITHOUT_JETSTREAM:
            raise no_jetstream(self._client) from error

    @property
    def is_connected(self) -> bool:
        """Whether the server can be reached now."""
        return self._client is not None and self._client.is_connected

    @property
    def js(self) -> JetStreamContext:
        """JetStream on the connection, once there is one."""
        if self._client is None:
            raise RuntimeError("the bus is not connected yet")
        return jetstream(self._client, timeout_s=10)

    @asynccontextmanager
    async def consuming(self, routers: Sequence[NatsRouter] | None = None) -> AsyncIterator[None]:
        """Deliver messages until the block ends; then finish what is in hand, give back the rest.

        Args:
            routers: Those whose subscribers get them, part of the broker for so long; none: all
                that it has.

        Raises:
            ExceptionGroup: A consumer failed in a way that nobody foresaw.
        """
        await self.connect()
        with included(self.broker, routers or ()):
            sources = [self.broker] if routers is None else routers
            readers = [one for source in sources for one in durable_subscribers(source)]
            async with TaskGroup() as group:
                for one in readers:
                    await one.start()
                running = [group.create_task(one.pulled()) for one in readers]
                try:
                    yield
                finally:
                    await end(running)

    async def close(self) -> None:
        """Send what is buffered and disconnect."""
        self.closing = True
        WAITS.over(BUS)
        client = self._client
        if client and client.is_connected and not await is_answering(client, wait_s=ANSWER_S):
            log.warning("bus.mute_at_the_end")  # its connection ends with the process
            return
        try:
            await self.broker.stop()
        except (NatsError, OSError) as error:  # the server is away: what is unsent is not acked
            log.warning("bus.away_at_the_end", error=repr(error))
            if self._client:
                with suppress(OSError):  # it tries to send what is buffered
                    await self._client.close()

    async def on_closed(self) -> None:
        """Die when nats-py gives up for good: a closed connection is never made again."""
        if not self.closing:
            log.error("bus.closed", exit_code=CONNECTION_LOST)
            os._exit(CONNECTION_LOST)

    async def on_disconnected(self) -> None:
        """Count and log a lost connection; nats-py makes a new one."""
        if not self.closing:
            metrics.BUS_DISCONNECTIONS.add(stage=self.service)
            log.warning("bus.disconnected")
            WAITS.failed(BUS, "the connection was lost")

    async def on_error(self, error: Exception) -> None:
        """Log an error; servers that all refuse to let us in are given up."""
        if self.closing:
            return
        refused = refusal(error, self.section)
        if refused is None:
            self._refusals = 0
            log.warning("bus.error", error=repr(error))
            if not self.is_connected:
                WAITS.failed(BUS, error)
            return
        self.refused = refused
        self._refusals += 1
        log.error("bus.refused", reason=str(refused))
        if not self.is_connected:
            WAITS.failed(BUS, refused)
        if self._client is None and self._refusals >= len(servers(self.section)):
            self._given_up.set()

    async def on_reconnected(self) -> None:
        """Log a connection that was made again; it may be to a server that has changed."""
        WAITS.over(BUS)
        if self.closing:
            return
        self.refused, self._refusals = None, 0
        log.warning("bus.reconnected")
        if self._client is None:
            return
        try:
            require_fit_server(self._client)
        except Unfit as error:
            log.error("bus.unfit", reason=str(error))  # noqa: TRY400  the line says all
            os._exit(EXIT_CONFIGURATION)


def build_bus(
    settings: NatsSection,
    service: str,
    *,
    state: Path | None = None,
    policy: RetryPolicy | None = None,
) -> Bus:
    """Wire a connection; nothing connects yet.

    Args:
        settings: Where the server is.
        service: The service's name.
        state: Folder of the services' state, where messages in hand are noted; None: nowhere.
        policy: How often messages are retried.

    Raises:
        ConfigurationError: The files for TLS cannot be used.
    """
    bus = Bus(service, section=settings)
    bus.broker = _build_broker(bus, settings, service)
    limits = DeadLetterLimits(settings.max_dead_share, settings.dead_share_from)
    bus.publisher = Publisher(bus.broker, service, dead_letter_limits=limits)
    bus.settler = Settler(
        bus.publisher,
        policy or RetryPolicy(),
        service,
        PoisonGuard(state / IN_HAND / service if state else None),
        settings.ack_wait_s / SIGNS_OF_LIFE,
    )
    return bus


def _build_broker(bus: Bus, settings: NatsSection, service: str) -> NatsBroker:
    # nats-py reads 32 KiB at a time by default, a third of the cost of a batch of vectors.
    nats.aio.client.DEFAULT_BUFFER_SIZE = READ_BUFFER
    return NatsBroker(
        servers(settings),
        name=f"mapstream-{service}",
        security=_security(settings),
        inbox_prefix=inbox_prefix(settings),
        logger=None,
        serializer=None,  # handlers are called with what was decoded, as it is
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=5,
        ping_interval=10,
        max_outstanding_pings=2,
        pending_size=16 << 20,
        js_options={"timeout": 10.0},
        error_cb=bus.on_error,
        disconnected_cb=bus.on_disconnected,
        reconnected_cb=bus.on_reconnected,
        closed_cb=bus.on_closed,
    )


def _security(settings: NatsSection) -> NatsSecurity:
    """Return who we are, and how the connection is kept private."""
    context = tls_context(settings)
    is_private = context is not None
    if settings.user is None or settings.password is None:
        return NatsSecurity(ssl_context=context, tls_handshake_first=is_private)
    return NatsUserPassword(
        settings.user,
        settings.password.get_secret_value(),
        ssl_context=context,
        tls_handshake_first=is_private,
    )
