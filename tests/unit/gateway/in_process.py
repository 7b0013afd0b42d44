"""The gateway's HTTP API in process, with fakes behind it."""

import gzip
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from services.gateway.adapters.blob_file_store import BlobFileStore
from services.gateway.adapters.folder_example_shelf import FolderExampleShelf
from services.gateway.adapters.folder_half_uploads import FolderHalfUploads
from services.gateway.adapters.parquet_columns import ParquetColumnReader
from services.gateway.adapters.parquet_export import ParquetExporter
from services.gateway.adapters.parquet_matching import ParquetMatcher
from services.gateway.adapters.parquet_neighbours import ParquetVectorSearch
from services.gateway.adapters.parquet_record_reader import ParquetRecordReader
from services.gateway.adapters.parquet_runs import ParquetRunReader
from services.gateway.adapters.parquet_search import ParquetRecordSearch
from services.gateway.adapters.process_file_reader import ProcessFileReader
from services.gateway.domain.parts import UploadLimits
from services.gateway.handlers.audit import Audit
from services.gateway.handlers.commands import Commands
from services.gateway.handlers.dead_letters import Letters
from services.gateway.handlers.examples import Examples
from services.gateway.handlers.finding import Finding
from services.gateway.handlers.matching import Matching
from services.gateway.handlers.previews import Previews
from services.gateway.handlers.resumable import Resumable
from services.gateway.handlers.runs import RunBook
from services.gateway.handlers.uploads import Uploads
from services.gateway.ports import MapMarks
from services.gateway.ports.page import INDEX, PageFile
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
from services.gateway.routes.runs import build_run_router
from services.gateway.routes.schedules import build_schedule_router
from services.gateway.routes.sessions import build_session_router
from services.gateway.routes.streams import StreamEndpoints, StreamLimits, build_stream_router
from services.gateway.routes.supplier_aliases import SupplierEndpoints, build_supplier_router
from services.gateway.routes.sync_aliases import SyncEndpoints, build_sync_router
from services.gateway.routes.uploads import UploadEndpoints, build_upload_router
from shared.blobs.folder import FolderBlobs
from shared.contracts.dead_letters import DeadLetter
from shared.http.guard import Guard, GuardRules, allowed_hosts
from shared.http.keyring import Keyring
from shared.http.rates import Rates
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.clock import FrozenClock
from tests.fakes.collection_book import FakeCollectionBook
from tests.fakes.decision_book import FakeDecisionBook
from tests.fakes.job_book import FakeJobBook
from tests.fakes.label_log import FakeLabelLog
from tests.fakes.letter_log import FakeLetterLog
from tests.fakes.manifest_book import FakeManifestBook
from tests.fakes.preference_book import FakePreferenceBook
from tests.fakes.schedule_book import FakeScheduleBook
from tests.fakes.source_book import FakeSourceBook
from tests.unit.gateway.builders import (
    FakeCommandBus,
    FakeEventLog,
    FakeMapReader,
    FakeModelHistory,
    FakePointLog,
    FakeRecordReader,
    FakeStatusBoard,
)
from tests.waiting import PATIENCE_S

IN_PATHS: dict[str, Any] = {
    "version": 1,
    "sequence": 1,
    "operation_id": "x",
    "name": "x",
    "group": "x",
    "schedule": "0123456789abcdef0123",
    "manifest": "0123456789abcdef0123",
    "upload": "0123456789abcdef0123",
    "record_id": "x",
    "job": "0123456789abcdef0123",
    "source_id": "0123456789abcdef0123",
}
"""What stands in each parameter of a path: something that may stand there."""
NOWHERE = Path("/nonexistent")
PAGE = {
    INDEX: PageFile(b"<html>", gzip.compress(b"<html>"), "text/html; charset=utf-8"),
    "page-1.js": PageFile(b"code", gzip.compress(b"code"), "text/javascript; charset=utf-8"),
}


def build_routers(
    limits: StreamLimits | None = None,
    statuses: Any = None,
    letters: Sequence[DeadLetter] = (),
    keyring: Keyring | None = None,
) -> tuple[Any, ...]:
    served = Served(["default", "second"])
    events = FakeEventLog()
    maps = FakeMapReader(MapMarks(1, 1, 1), ["a"])
    commands = Commands(
        served.names, bus=FakeCommandBus(events), events=events, maps=maps, patience_s=0
    )
    streams = StreamEndpoints(
        served,
        events=events,
        maps=maps,
        points=FakePointLog(),
        limits=limits or stream_limits(),
    )
    reading = ReadingEndpoints(
        served, board=FakeStatusBoard(statuses), maps=maps, models=FakeModelHistory()
    )
    return (
        build_reading_router(reading),
        build_letter_router(served, Letters(FakeLetterLog(*letters))),
        build_command_router(served, commands, FakeCollectionBook()),
        build_audit_router(served, Audit(FakeAuditLog())),
        build_collection_router(FakeCollectionBook()),
        *_source_routers(served, commands),
        *_chosen_routers(served),
        build_stream_router(streams),
        build_record_router(served, FakeRecordReader()),
        *build_file_routers(served, NOWHERE, streams),
        build_region_router(served, FakeLabelLog()),
        build_session_router(keyring or Keyring()),
        build_page_router(PAGE),
    )


def _uploads(commands: Commands) -> UploadEndpoints:
    """Take uploads of files that go nowhere."""
    store, reader, sources = (
        BlobFileStore(FolderBlobs(NOWHERE)),
        ProcessFileReader(),
        FakeSourceBook(),
    )
    limits = UploadLimits(max_file_bytes=1, max_files=1, quota_bytes=1)
    uploads = Uploads(store, reader, commands, FrozenClock(), limits)
    previews = Previews(store, reader, sources, limits)
    examples = Examples(FolderExampleShelf(()), uploads)
    return UploadEndpoints(uploads, examples, previews, FakeCollectionBook(), sources)


def _resumable(commands: Commands) -> Resumable:
    """Take uploads that nobody continues."""
    limits = UploadLimits(max_file_bytes=1, max_files=1, quota_bytes=1)
    store = BlobFileStore(FolderBlobs(NOWHERE))
    uploads = Uploads(store, ProcessFileReader(), commands, FrozenClock(), limits)
    half = FolderHalfUploads(NOWHERE, timedelta(hours=1), FrozenClock())
    return Resumable(half, uploads, FrozenClock())


def _source_routers(served: Served, commands: Commands) -> tuple[Any, ...]:
    """Build the routes of sources and jobs, by all their names."""
    uploads, book, sources = _uploads(commands), FakeCollectionBook(), FakeSourceBook()
    jobs = JobEndpoints(served, FakeJobBook(), commands)
    schedules = FakeScheduleBook()
    return (
        build_upload_router(uploads),
        build_resumable_router(ResumableEndpoints(_resumable(commands), book)),
        build_job_router(jobs),
        build_group_router(GroupEndpoints(book, sources, jobs, uploads)),
        build_sync_router(SyncEndpoints(served, book, sources, jobs, schedules)),
    )


def _chosen_routers(served: Served) -> tuple[Any, ...]:
    """Build the routes of preferences and schedules, by all their names."""
    book, schedules = FakeCollectionBook(), FakeScheduleBook()
    preferences = PreferenceEndpoints(book, FakePreferenceBook("note"))
    return (
        build_preference_router(preferences),
        build_group_preference_router(preferences),
        build_schedule_router(served, schedules),
        build_manifest_router(served, FakeManifestBook()),
        build_supplier_router(SupplierEndpoints(served, book, schedules)),
    )


def build_file_routers(
    served: Served,
    folder: Path,
    streams: StreamEndpoints,
    labels: FakeLabelLog | None = None,
    decisions: FakeDecisionBook | None = None,
) -> tuple[Any, ...]:
    """Build the routes that read the public files of a folder."""
    search = ParquetRecordSearch(folder, patience_s=PATIENCE_S)
    finding = Finding(search, ParquetVectorSearch(folder))
    matching = Matching(ParquetMatcher(folder), search, decisions or FakeDecisionBook())
    return (
        build_finding_router(served, finding),
        build_column_router(served, ParquetColumnReader(folder), streams),
        build_export_router(served, ParquetExporter(folder), streams),
        build_match_router(served, matching, streams),
        build_run_router(
            served, RunBook(ParquetRunReader(folder), labels or FakeLabelLog(), finding)
        ),
    )


def serve_files(
    folder: Path,
    labels: FakeLabelLog | None = None,
    decisions: FakeDecisionBook | None = None,
    **rules: Any,
) -> Guard:
    """Serve what reads the public files of a folder, and nothing else."""
    served = Served(["default", "second"])
    streams = StreamEndpoints(
        served,
        events=FakeEventLog(),
        maps=FakeMapReader(),
        points=FakePointLog(),
        limits=stream_limits(),
    )
    records = build_record_router(served, ParquetRecordReader(folder))
    return guarded(
        records, *build_file_routers(served, folder, streams, labels, decisions), **rules
    )


def stream_limits(**changes: Any) -> StreamLimits:
    plain: dict[str, Any] = {
        "heartbeat_s": 1,
        "send_timeout_s": PATIENCE_S,
        "max_streams": 2,
        "max_streams_per_client": 2,
        "max_stream_s": 60,
    }
    return StreamLimits(**(plain | changes))


def build(
    limits: StreamLimits | None = None,
    statuses: Any = None,
    letters: Sequence[DeadLetter] = (),
    **rules: Any,
) -> Guard:
    routers = build_routers(limits, statuses, letters, rules.get("keyring"))
    return guarded(*routers, **rules)


def guarded(*routers: Any, **rules: Any) -> Guard:
    """Serve some routers as the gateway does, to anybody who asks unless the rules say else."""
    plain: dict[str, Any] = {
        "section": "gateway",
        "hosts": allowed_hosts("127.0.0.1", (), is_reachable=False),
        "keyring": Keyring(),
        "rates": Rates(1, 1_000_000),
        "max_body_bytes": 1024,
        "receive_timeout_s": PATIENCE_S,
    }
    return Guard(build_api(routers, version="1"), GuardRules(**(plain | rules)))


def client(
    app: ASGIApp, address: str = "127.0.0.1", base_url: str = "http://127.0.0.1:8000"
) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=(address, 5000))
    return httpx.AsyncClient(transport=transport, base_url=base_url)
