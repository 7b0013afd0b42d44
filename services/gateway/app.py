"""Composition root: the only module that knows which adapter fills which port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from typing import Any

import structlog
import uvicorn
from nats.aio.client import Client
from starlette.types import ASGIApp

from services.gateway import __doc__ as about
from services.gateway.adapters.json_model_history import JsonModelHistory
from services.gateway.adapters.parquet_map_reader import ParquetMapReader
from services.gateway.handlers.commands import Commands
from services.gateway.ports import EventLog, PointLog
from services.gateway.routes.api import build_api
from services.gateway.routes.commands import build_command_router
from services.gateway.routes.guard import Guard, allowed_hosts
from services.gateway.routes.parameters import Served
from services.gateway.routes.reading import ReadingEndpoints, build_reading_router
from services.gateway.routes.streams import StreamEndpoints, StreamLimits, build_stream_router
from services.gateway.settings import GatewaySection, Settings
from services.gateway.subscribers.event_feed import EventFeed, answer_subjects, public_subjects
from services.gateway.subscribers.pipeline import NatsCommandBus, NatsStatusBoard
from services.gateway.subscribers.points_feed import PointsFeed
from services.gateway.subscribers.tailing import Reading
from shared.bus.broker import Bus, build_bus
from shared.bus.channels import MAP_POINTS, WRITING_COMMITTED, WRITING_PUBLISHED
from shared.errors import ConfigurationError
from shared.observability.health import Server
from shared.runtime import Loop, Service

log = structlog.get_logger(__name__)


class Gateway:
    """The parts of the running service."""

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self._settings = settings
        self._bus = bus
        self._streams: StreamEndpoints | None = None
        self.url: str | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Sequence[Loop]]:
        """Listen on HTTP until the block ends; gives the loops that follow the bus.

        Raises:
            ConfigurationError: The address cannot be listened on.
        """
        section = self._settings.gateway
        with listening(section.host, section.port) as listener:
            client = await self._bus.connect()
            names = self._settings.collections
            events = build_events(client, names)
            points = build_points(client, names)
            await events.start()
            app, commands = self.build_app(client, events, points)
            async with serving(app, listener, section):
                host, port = listener.getsockname()[:2]
                self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
                log.info("gateway.listening", url=self.url)
                try:
                    yield events.run, points.run_points, points.run_commits, commands.watch
                finally:
                    events.close()

    def build_app(
        self, client: Client, events: EventLog, points: PointLog
    ) -> tuple[ASGIApp, Commands]:
        """Wire the HTTP API to the bus and the files."""
        section = self._settings.gateway
        served = Served(self._settings.collections)
        folder = self._settings.output.folder
        maps, models = ParquetMapReader(folder), JsonModelHistory(folder)
        commands = Commands(
            served.names,
            bus=NatsCommandBus(client),
            events=events,
            maps=maps,
            patience_s=section.patience_s,
        )
        limits = StreamLimits(section.heartbeat_s, section.send_timeout_s, section.max_streams)
        self._streams = StreamEndpoints(
            served, events=events, maps=maps, points=points, limits=limits
        )
        reading = ReadingEndpoints(served, board=NatsStatusBoard(client), maps=maps, models=models)
        routers = (
            build_reading_router(reading),
            build_command_router(served, commands),
            build_stream_router(self._streams),
        )
        api = build_api(routers, version=version("mapstream"))
        hosts = allowed_hosts(section.host, section.allowed_hosts)
        guard = Guard(api, allowed_hosts=hosts, max_body_bytes=section.max_body_bytes)
        return guard, commands

    def figures(self) -> Mapping[str, Any]:
        """Tell where it listens, and how many streams go on."""
        return {"url": self.url, "streams": self._streams.running if self._streams else 0}


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    settings = Settings.load()
    bus = build_bus(settings.nats, "gateway")
    gateway = Gateway(settings, bus)
    return Service(
        name="gateway",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        resources=gateway.open,
        figures=gateway.figures,
    )


def build_events(client: Client, collections: Sequence[str]) -> EventFeed:
    """Wire the feed of public events."""
    stream = WRITING_PUBLISHED.stream
    return EventFeed(
        Reading(client, stream, public_subjects(collections)),
        Reading(client, stream, answer_subjects(collections)),
    )


def build_points(client: Client, collections: Sequence[str]) -> PointsFeed:
    """Wire the feed of points and commits."""
    points = tuple(MAP_POINTS.subject(name) for name in collections)
    commits = tuple(WRITING_COMMITTED.subject(name) for name in collections)
    return PointsFeed(
        collections,
        Reading(client, MAP_POINTS.stream, points, headers_only=True),
        Reading(client, WRITING_COMMITTED.stream, commits),
    )


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
            listener.listen(2048)
        except OSError as error:
            raise ConfigurationError(
                f"gateway.host, gateway.port: cannot listen on {host}:{port}: {error.strerror}"
            ) from error
        yield listener


@asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, section: GatewaySection
) -> AsyncIterator[None]:
    """Serve an app on a socket until the block ends; requests under way may finish."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=section.keepalive_s,
        timeout_graceful_shutdown=section.shutdown_s,
    )
    server = Server(config)
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
