"""Composition root: the only module that knows which adapter fills which port."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import structlog
from starlette.types import ASGIApp

from services.gateway import __doc__ as about
from services.gateway.adapters.json_model_history import JsonModelHistory
from services.gateway.adapters.nats_services import NatsCommandBus, NatsStatusBoard
from services.gateway.adapters.nats_streams import NatsEventStream, NatsPointStream
from services.gateway.adapters.page_folder import read_page
from services.gateway.adapters.parquet_map_reader import ParquetMapReader
from services.gateway.adapters.parquet_record_reader import ParquetRecordReader
from services.gateway.adapters.token_file import read_token
from services.gateway.handlers.audit import Audit
from services.gateway.handlers.commands import Commands
from services.gateway.handlers.dead_letters import Letters
from services.gateway.handlers.event_feed import EventFeed
from services.gateway.handlers.points_feed import PointsFeed
from services.gateway.ports import EventLog, PointLog
from services.gateway.routes.api import build_api
from services.gateway.routes.audit import build_audit_router
from services.gateway.routes.collections import build_collection_router
from services.gateway.routes.commands import build_command_router
from services.gateway.routes.dead_letters import build_letter_router
from services.gateway.routes.page import build_page_router
from services.gateway.routes.parameters import Served
from services.gateway.routes.reading import ReadingEndpoints, build_reading_router
from services.gateway.routes.records import build_record_router
from services.gateway.routes.sessions import build_session_router
from services.gateway.routes.streams import (
    MAP_HEADERS,
    StreamEndpoints,
    StreamLimits,
    build_stream_router,
)
from services.gateway.settings import SHORTEST_TOKEN, GatewaySection, Settings, TokenEntry
from services.gateway.subscribers import follow_commits, follow_events, follow_points
from shared.assignments import Activity, Resources
from shared.bus.broker import Bus, build_bus
from shared.bus.connection import Client
from shared.bus.reading.audit_log import AuditLog
from shared.bus.reading.collections import CollectionBook
from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.bus.reading.events import ANSWER_SUBJECTS, PUBLIC_SUBJECTS
from shared.bus.reading.stream_reader import StreamReader, patiently
from shared.bus.registry.batches import MAP_POINTS
from shared.bus.registry.writing import WRITING_COMMITTED, WRITING_PUBLISHED
from shared.contracts.statuses import Common, GatewayStatus
from shared.errors import ConfigurationError
from shared.http.guard import Guard, GuardRules, allowed_hosts
from shared.http.heads import HeadLimits
from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from shared.http.protocol import Patience
from shared.http.rates import Rates
from shared.http.server import ServerOptions, check_certificate, open_socket, serving
from shared.http.sharing import share
from shared.observability.http_metrics import MeasuredHttp, count_refusals
from shared.runtime import Service

PAGE = Path(__file__).parent / "page" / "dist"
"""What ``make page`` builds, and what wheels and images hold."""
log = structlog.get_logger(__name__)


class Gateway:
    """The parts of the running service."""

    def __init__(self, settings: Settings, bus: Bus, keyring: Keyring) -> None:
        self._settings = settings
        self._bus = bus
        self._keyring = keyring
        self._served = Served(settings.collections)
        self._streams: StreamEndpoints | None = None
        self.url: str | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Resources]:
        """Listen on HTTP until the block ends; gives the loops that follow the bus.

        Raises:
            ConfigurationError: The address cannot be listened on.
        """
        section = self._settings.gateway
        with open_socket(section.host, section.port, "gateway") as listener:
            client = await self._bus.connect()
            events = build_events(client)
            points = PointsFeed(NatsPointStream(points_reader(client)))
            await patiently(events.start)
            app, commands = self.build_app(client, events, points)
            async with serving(app, listener, server_options(section)):
                host, port = listener.getsockname()[:2]
                scheme = "https" if section.tls_certificate else "http"
                self.url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
                log.info("gateway.listening", url=self.url, needs_token=not self._keyring.is_open)
                try:
                    yield Resources(
                        loops=(
                            partial(follow_events, events, events_reader(client)),
                            partial(follow_points, points, points_reader(client)),
                            partial(follow_commits, points, commits_reader(client)),
                            commands.watch,
                        ),
                        open=self._open_one,
                    )
                finally:
                    events.close()

    @asynccontextmanager
    async def _open_one(self, collection: str) -> AsyncIterator[Activity]:
        with self._served.serving(collection):
            yield Activity()

    def build_app(
        self, client: Client, events: EventLog, points: PointLog
    ) -> tuple[ASGIApp, Commands]:
        """Wire the HTTP API to the bus and the files."""
        section = self._settings.gateway
        served = self._served
        folder = self._settings.output.folder
        maps, models = ParquetMapReader(folder), JsonModelHistory(folder)
        commands = Commands(
            served.names,
            bus=NatsCommandBus(client, events),
            events=events,
            maps=maps,
            patience_s=section.patience_s,
        )
        limits = StreamLimits(
            heartbeat_s=section.heartbeat_s,
            send_timeout_s=section.send_timeout_s,
            max_streams=section.max_streams,
            max_streams_per_client=section.max_streams_per_client,
            max_stream_s=section.max_stream_s,
        )
        self._streams = StreamEndpoints(
            served, events=events, maps=maps, points=points, limits=limits
        )
        reading = ReadingEndpoints(served, board=NatsStatusBoard(client), maps=maps, models=models)
        routers = (
            build_reading_router(reading),
            build_letter_router(served, Letters(DeadLetterLog(client))),
            build_command_router(served, commands),
            build_audit_router(served, Audit(AuditLog(client))),
            build_collection_router(CollectionBook(client)),
            build_stream_router(self._streams),
            build_record_router(served, ParquetRecordReader(folder)),
            build_session_router(self._keyring),
            build_page_router(read_page(PAGE)),
        )
        api = build_api(routers, version=version("mapstream"))
        guard = Guard(api, guard_rules(section, self._keyring))
        app = share(guard, section.allowed_origins, MAP_HEADERS)
        return MeasuredHttp(app, stage="gateway"), commands

    @property
    def streams(self) -> int:
        """How many streams go on."""
        return self._streams.running if self._streams else 0

    def told(self, common: Common) -> GatewayStatus:
        """Tell where it listens, and how many streams go on."""
        return GatewayStatus(**common, url=self.url, streams=self.streams)


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong, or a file of it cannot be used.
    """
    settings = Settings.load()
    tls = tls_files(settings.gateway)
    if tls:
        require_certificate(*tls)
    bus = build_bus(settings.nats, "gateway")
    gateway = Gateway(settings, bus, build_keyring(settings.gateway))
    return Service(
        name="gateway",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        resources=gateway.open,
        told=gateway.told,
        certificates={"gateway.tls_certificate": settings.gateway.tls_certificate},
    )


def require_certificate(certificate: Path, key: Path) -> None:
    """Check that a certificate and its key can be used.

    Raises:
        ConfigurationError: Says why not.
    """
    why_not = check_certificate(certificate, key)
    if why_not:
        raise ConfigurationError(
            f"gateway.tls_certificate, gateway.tls_key: {certificate} and {key} must be PEM files "
            f"that belong together, the key without password, and that user {os.getuid()} may "
            f"read: {why_not}"
        )


def build_keyring(section: GatewaySection) -> Keyring:
    """Wire the tokens that are accepted.

    Raises:
        ConfigurationError: A file of a token cannot be used.
    """
    return Keyring(
        Credential(Caller(one.name, Role(one.role)), _digest(one)) for one in section.tokens
    )


def _digest(entry: TokenEntry) -> bytes:
    if entry.sha256:
        return bytes.fromhex(entry.sha256)
    if entry.file:
        return digest_of(read_token(entry.file, shortest=SHORTEST_TOKEN))
    return digest_of(entry.token.get_secret_value() if entry.token else "")


def guard_rules(section: GatewaySection, keyring: Keyring) -> GuardRules:
    """Take from the settings what the guard asks of a request."""
    return GuardRules(
        section="gateway",
        hosts=allowed_hosts(
            section.host, section.allowed_hosts, is_reachable=section.is_reachable
        ),
        keyring=keyring,
        rates=Rates(section.requests_per_s, section.burst),
        max_body_bytes=section.max_body_bytes,
        receive_timeout_s=section.receive_timeout_s,
        allowed_origins=frozenset(section.allowed_origins),
    )


def tls_files(section: GatewaySection) -> tuple[Path, Path] | None:
    """Return the files of the certificate and its key, if there are any."""
    certificate, key = section.tls_certificate, section.tls_key
    return (certificate, key) if certificate and key else None


def server_options(section: GatewaySection) -> ServerOptions:
    """Take from the settings how connections are treated."""
    return ServerOptions(
        keepalive_s=section.keepalive_s,
        shutdown_s=section.shutdown_s,
        patience=Patience(
            head_s=section.receive_timeout_s,
            body_s=section.receive_timeout_s,
            send_s=section.send_timeout_s,
        ),
        heads=HeadLimits(max_bytes=section.max_header_bytes),
        max_connections=section.max_connections,
        max_connections_per_client=section.max_connections_per_client,
        trusted_proxies=section.trusted_proxies,
        tls=tls_files(section),
        on_refusal=count_refusals("gateway"),
    )


def build_events(client: Client) -> EventFeed:
    """Wire the feed of public events."""
    answers = StreamReader(client, WRITING_PUBLISHED.stream, ANSWER_SUBJECTS)
    return EventFeed(NatsEventStream(events_reader(client)), NatsEventStream(answers))


def events_reader(client: Client) -> StreamReader:
    """Say which events are followed: those of collections to come, too."""
    return StreamReader(client, WRITING_PUBLISHED.stream, PUBLIC_SUBJECTS)


def points_reader(client: Client) -> StreamReader:
    """Say which points are followed."""
    return StreamReader(client, MAP_POINTS.stream, (MAP_POINTS.every_subject,))


def commits_reader(client: Client) -> StreamReader:
    """Say which commits are followed."""
    return StreamReader(client, WRITING_COMMITTED.stream, (WRITING_COMMITTED.every_subject,))
