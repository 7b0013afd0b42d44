"""The gateway's HTTP API in process, with fakes behind it."""

import gzip
from collections.abc import Sequence
from typing import Any

import httpx
from starlette.types import ASGIApp

from services.gateway.handlers.audit import Audit
from services.gateway.handlers.commands import Commands
from services.gateway.handlers.dead_letters import Letters
from services.gateway.ports import MapMarks
from services.gateway.ports.page import INDEX, PageFile
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
from services.gateway.routes.streams import StreamEndpoints, StreamLimits, build_stream_router
from shared.contracts.dead_letters import DeadLetter
from shared.http.guard import Guard, GuardRules, allowed_hosts
from shared.http.keyring import Keyring
from shared.http.rates import Rates
from tests.fakes.audit_log import FakeAuditLog
from tests.fakes.collection_book import FakeCollectionBook
from tests.fakes.letter_log import FakeLetterLog
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
        build_command_router(served, commands),
        build_audit_router(served, Audit(FakeAuditLog())),
        build_collection_router(FakeCollectionBook()),
        build_stream_router(streams),
        build_record_router(served, FakeRecordReader()),
        build_session_router(keyring or Keyring()),
        build_page_router(PAGE),
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
