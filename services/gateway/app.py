"""Composition root: the only module that knows which adapter fills which port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path

import structlog
from fastapi import APIRouter
from starlette.types import ASGIApp

from services.gateway import __doc__ as about
from services.gateway.adapters.blob_file_store import BlobFileStore, clean_parts
from services.gateway.adapters.folder_example_shelf import FolderExampleShelf
from services.gateway.adapters.folder_half_uploads import RESUMABLE, FolderHalfUploads
from services.gateway.adapters.json_model_history import JsonModelHistory
from services.gateway.adapters.nats_services import NatsCommandBus, NatsStatusBoard
from services.gateway.adapters.nats_source_book import NatsSourceBook
from services.gateway.adapters.nats_streams import (
    NatsPointStream,
    build_events,
    commits_reader,
    events_reader,
    points_reader,
)
from services.gateway.adapters.page_folder import read_page
from services.gateway.adapters.parquet_columns import ParquetColumnReader
from services.gateway.adapters.parquet_export import ParquetExporter
from services.gateway.adapters.parquet_map_reader import ParquetMapReader
from services.gateway.adapters.parquet_matching import ParquetMatcher
from services.gateway.adapters.parquet_neighbours import ParquetVectorSearch
from services.gateway.adapters.parquet_record_reader import ParquetRecordReader
from services.gateway.adapters.parquet_runs import ParquetRunReader
from services.gateway.adapters.parquet_search import ParquetRecordSearch
from services.gateway.adapters.process_file_reader import ProcessFileReader
from services.gateway.domain.parts import UploadLimits
from services.gateway.entrance import (
    build_keyring,
    guard_rules,
    require_certificate,
    server_options,
)
from services.gateway.handlers.audit import Audit
from services.gateway.handlers.commands import Commands
from services.gateway.handlers.dead_letters import Letters
from services.gateway.handlers.examples import Examples
from services.gateway.handlers.finding import Finding
from services.gateway.handlers.half_upload_cleaning import HalfUploadCleaner
from services.gateway.handlers.matching import Matching
from services.gateway.handlers.points_feed import PointsFeed
from services.gateway.handlers.previews import Previews
from services.gateway.handlers.resumable import Resumable
from services.gateway.handlers.runs import RunBook
from services.gateway.handlers.uploads import Uploads
from services.gateway.ports import EventLog, PointLog
from services.gateway.routes.api import build_api
from services.gateway.routes.audit import build_audit_router
from services.gateway.routes.collections import build_collection_router
from services.gateway.routes.columns import build_column_router
from services.gateway.routes.commands import build_command_router
from services.gateway.routes.dead_letters import build_letter_router
from services.gateway.routes.exporting import build_export_router
from services.gateway.routes.finding import build_finding_router
from services.gateway.routes.group_aliases import GroupEndpoints, build_group_router
from services.gateway.routes.group_preference_aliases import build_group_preference_router
from services.gateway.routes.jobs import JobEndpoints, build_job_router
from services.gateway.routes.manifests import build_manifest_router
from services.gateway.routes.matches import build_match_router
from services.gateway.routes.page import build_page_router
from services.gateway.routes.parameters import Served
from services.gateway.routes.preferences import PreferenceEndpoints, build_preference_router
from services.gateway.routes.reading import ReadingEndpoints, build_reading_router
from services.gateway.routes.records import build_record_router
from services.gateway.routes.regions import build_region_router
from services.gateway.routes.resumable import ResumableEndpoints, build_resumable_router
from services.gateway.routes.resumable_protocol import SENT_HEADERS, TUS_HEADERS, Tus
from services.gateway.routes.runs import build_run_router
from services.gateway.routes.schedules import build_schedule_router
from services.gateway.routes.sessions import build_session_router
from services.gateway.routes.streams import (
    MAP_HEADERS,
    StreamEndpoints,
    StreamLimits,
    build_stream_router,
)
from services.gateway.routes.supplier_aliases import SupplierEndpoints, build_supplier_router
from services.gateway.routes.sync_aliases import SyncEndpoints, build_sync_router
from services.gateway.routes.uploads import UploadEndpoints, build_upload_router
from services.gateway.settings import GatewaySection, Settings
from services.gateway.subscribers import follow_commits, follow_events, follow_points
from shared.assignments import Resources
from shared.blobs.choosing import blob_checks, build_blobs
from shared.blobs.cleaning import keep_clean
from shared.bus.broker import Bus, build_bus
from shared.bus.connection import Client
from shared.bus.reading.audit_log import AuditLog
from shared.bus.reading.collections import CollectionBook
from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.bus.reading.jobs import JobBook
from shared.bus.reading.labels import LabelLog
from shared.bus.reading.manifests import ManifestBook
from shared.bus.reading.matches import DecisionBook
from shared.bus.reading.preferences import PreferenceBook
from shared.bus.reading.schedules import ScheduleBook
from shared.bus.reading.stream_reader import patiently
from shared.clock import SystemClock
from shared.contracts.statuses import Common, GatewayStatus
from shared.http.guard import Guard
from shared.http.keyring import Keyring
from shared.http.server import open_socket, serving
from shared.http.sharing import share
from shared.observability.http_metrics import MeasuredHttp
from shared.runtime import Service

PAGE = Path(__file__).parent / "page" / "dist"
"""What ``make page`` builds, and what wheels and images hold."""
SEARCH_S = 10.0
"""How long a search by words goes on; then it tells how far it came."""
log = structlog.get_logger(__name__)


class Gateway:
    """The parts of the running service."""

    def __init__(self, settings: Settings, bus: Bus, keyring: Keyring) -> None:
        self._settings = settings
        self._bus = bus
        self._keyring = keyring
        self._served = Served(settings.collections)
        self._streams: StreamEndpoints | None = None
        self._blobs = build_blobs(settings.blobs, settings.state.folder)
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

            def leave(collection: str) -> None:
                points.leave(collection)
                self._half_uploads.leave(collection)

            self._served.on_end = leave
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
                            self._half_uploads.keep_clean,
                            partial(keep_clean, self._clean, self._settings.blobs.keep_leftovers),
                        ),
                        worker=self._served,
                    )
                finally:
                    events.close()

    def build_app(
        self, client: Client, events: EventLog, points: PointLog
    ) -> tuple[ASGIApp, Commands]:
        """Wire the HTTP API to the bus and the files."""
        section, served = self._settings.gateway, self._served
        folder = self._settings.output.folder
        search = ParquetRecordSearch(folder, patience_s=SEARCH_S)
        finding = Finding(search, ParquetVectorSearch(folder))
        maps, models = ParquetMapReader(folder), JsonModelHistory(folder)
        bus, patience_s = NatsCommandBus(client, events), section.patience_s
        commands = Commands(served.names, bus=bus, events=events, maps=maps, patience_s=patience_s)
        self._streams = StreamEndpoints(
            served, events=events, maps=maps, points=points, limits=_limits(section)
        )
        book = CollectionBook(client)
        reading = ReadingEndpoints(served, board=NatsStatusBoard(client), maps=maps, models=models)
        (uploads, resumable), sources = self._files(client, commands, book), NatsSourceBook(client)
        jobs = JobEndpoints(served, JobBook(client), commands)
        routers = (
            build_reading_router(reading),
            build_letter_router(served, Letters(DeadLetterLog(client))),
            build_command_router(served, commands, book),
            build_audit_router(served, Audit(AuditLog(client))),
            build_collection_router(book),
            build_upload_router(uploads),
            build_resumable_router(ResumableEndpoints(resumable, book)),
            build_job_router(jobs),
            build_group_router(GroupEndpoints(book, sources, jobs, uploads)),
            build_sync_router(SyncEndpoints(served, book, sources, jobs, ScheduleBook(client))),
            *self._chosen(client, book),
            build_stream_router(self._streams),
            build_record_router(served, ParquetRecordReader(folder)),
            build_finding_router(served, finding),
            build_column_router(served, ParquetColumnReader(folder), self._streams),
            build_region_router(served, LabelLog(client)),
            build_run_router(served, RunBook(ParquetRunReader(folder), LabelLog(client), finding)),
            build_export_router(served, ParquetExporter(folder), self._streams),
            build_match_router(served, self._matching(client, search), self._streams),
            build_session_router(self._keyring),
            build_page_router(read_page(PAGE)),
        )
        api = build_api(routers, version=version("mapstream"))
        guard = Guard(api, guard_rules(section, self._keyring))
        tus = Tus(guard, self._settings.blobs.max_file_bytes)
        app = share(tus, section.allowed_origins, (*MAP_HEADERS, *TUS_HEADERS), SENT_HEADERS)
        return MeasuredHttp(app, stage="gateway"), commands

    async def _clean(self, after: timedelta) -> int:
        return await clean_parts(self._blobs, SystemClock(), after)

    def _matching(self, client: Client, search: ParquetRecordSearch) -> Matching:
        matcher = ParquetMatcher(self._settings.output.folder)
        return Matching(matcher, search, DecisionBook(client))

    def _chosen(self, client: Client, book: CollectionBook) -> tuple[APIRouter, ...]:
        preferences = PreferenceEndpoints(book, PreferenceBook(client))
        schedules = ScheduleBook(client)
        return (
            build_preference_router(preferences),
            build_group_preference_router(preferences),
            build_schedule_router(self._served, schedules),
            build_manifest_router(self._served, ManifestBook(client)),
            build_supplier_router(SupplierEndpoints(self._served, book, schedules)),
        )

    def _files(
        self, client: Client, commands: Commands, book: CollectionBook
    ) -> tuple[UploadEndpoints, Resumable]:
        blobs = self._settings.blobs
        folder, clock = blobs.folder_in(self._settings.state.folder), SystemClock()
        limits = UploadLimits(
            blobs.max_file_bytes, blobs.max_files, blobs.quota_bytes, blobs.max_unfinished
        )
        store = BlobFileStore(self._blobs)
        reader, sources = ProcessFileReader(), NatsSourceBook(client)
        previews = Previews(store, reader, sources, limits)
        uploads = Uploads(store, reader, commands, clock, limits)
        examples = Examples(FolderExampleShelf(), uploads)
        half = FolderHalfUploads(folder / RESUMABLE, blobs.keep_leftovers, clock)
        self._half_uploads = HalfUploadCleaner(half, clock)
        endpoints = UploadEndpoints(uploads, examples, previews, book, sources)
        return endpoints, Resumable(half, uploads, clock)

    @property
    def streams(self) -> int:
        """How many streams go on."""
        return self._streams.running if self._streams else 0

    def told(self, common: Common) -> GatewayStatus:
        """Tell where it listens, and how many streams go on."""
        return GatewayStatus(**common, url=self.url, streams=self.streams)


def _limits(section: GatewaySection) -> StreamLimits:
    return StreamLimits(
        heartbeat_s=section.heartbeat_s,
        send_timeout_s=section.send_timeout_s,
        max_streams=section.max_streams,
        max_streams_per_client=section.max_streams_per_client,
        max_stream_s=section.max_stream_s,
    )


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong, or a file of it cannot be used.
    """
    settings = Settings.load()
    if tls := settings.gateway.tls_files:
        require_certificate(*tls)
    bus = build_bus(settings.nats, "gateway")
    gateway = Gateway(settings, bus, build_keyring(settings.gateway))
    return Service(
        name="gateway",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        resources=gateway.open,
        checks=tuple(blob_checks(settings.blobs)),
        told=gateway.told,
        certificates={"gateway.tls_certificate": settings.gateway.tls_certificate},
    )
