"""Builds what a service needs of the bus: a broker, a publisher and a place for subscriptions."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import nats.aio.client
import structlog
from faststream.nats import NatsBroker
from faststream.nats.security import NatsSecurity, NatsUserPassword
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from shared.bus.burials import BurialLimit
from shared.bus.connection import inbox_prefix, servers, tls_context
from shared.bus.delivery import RetryPolicy
from shared.bus.in_hand import InHand
from shared.bus.micro_batches import end
from shared.bus.publisher import Publisher
from shared.bus.settling import Settler
from shared.bus.subscriptions import Subscriber
from shared.observability import metrics
from shared.settings import NatsSection
from shared.waits import WAITS

CONNECTION_LOST = 70
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
    subscriber: Subscriber = field(init=False)
    closing: bool = field(default=False, init=False)
    _client: Client | None = field(default=None, init=False)

    async def connect(self) -> Client:
        """Connect, waiting for the server as long as that takes."""
        self._client = await self.broker.connect()
        WAITS.over(BUS)
        return self._client

    @property
    def is_connected(self) -> bool:
        """Whether the server can be reached now."""
        return self._client is not None and self._client.is_connected

    @property
    def js(self) -> JetStreamContext:
        """JetStream on the connection, once there is one."""
        if self._client is None:
            raise RuntimeError("the bus is not connected yet")
        return self._client.jetstream(timeout=10)

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        """Deliver messages until the block ends; then finish what is in hand, give back the rest.

        Raises:
            ExceptionGroup: A consumer failed in a way that nobody foresaw.
        """
        client = await self.connect()
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(one.run(client)) for one in self.subscriber.micro_batched]
            try:
                yield
            finally:
                await end(running)

    async def close(self) -> None:
        """Send what is buffered and disconnect."""
        self.closing = True
        WAITS.over(BUS)
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

    async def on_reconnected(self) -> None:
        """Log that there is a connection again."""
        WAITS.over(BUS)
        if not self.closing:
            log.warning("bus.reconnected")

    def report(self, event: str) -> Callable[..., Awaitable[None]]:
        """Return a callback that logs what befell the connection."""

        async def told(error: Exception | None = None) -> None:
            if self.closing:
                return
            log.warning(event, error=repr(error) if error else None)
            if error and not self.is_connected:
                WAITS.failed(BUS, error)

        return told


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
    bus = Bus(service)
    bus.broker = _build_broker(bus, settings, service)
    limit = BurialLimit(settings.max_dead_share, settings.dead_share_from)
    bus.publisher = Publisher(bus.broker, service, burials=limit)
    settler = Settler(
        bus.publisher,
        policy or RetryPolicy(),
        service,
        InHand(state / IN_HAND / service if state else None),
        settings.ack_wait_s / SIGNS_OF_LIFE,
    )
    bus.subscriber = Subscriber(settler)
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
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        connect_timeout=5,
        ping_interval=10,
        max_outstanding_pings=2,
        pending_size=16 << 20,
        js_options={"timeout": 10.0},
        error_cb=bus.report("bus.error"),
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
