"""Composition root: the only module that knows which adapter fills which port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import PurePosixPath

from services.courier import __doc__ as about
from services.courier.adapters.blob_file_store import BlobFileStore
from services.courier.adapters.bus_errands import BusErrands
from services.courier.adapters.httpx_analyser import HttpxAnalyser
from services.courier.adapters.httpx_web import HttpxWeb, Login, Patience
from services.courier.adapters.memory_file_store import MemoryFileStore
from services.courier.adapters.system_resolver import SystemResolver
from services.courier.domain.addresses import parse_networks
from services.courier.handlers.analyze import Analyst, Pace
from services.courier.handlers.errands import Courier
from services.courier.handlers.fetch import Fetcher, Rules
from services.courier.handlers.lists import MOST_BYTES, ListFetcher
from services.courier.loops import run_errands
from services.courier.ports import Errands
from services.courier.settings import Settings, network_variables
from shared.assignments import Resources
from shared.authorities import named_authorities
from shared.blobs.choosing import blob_checks, build_blobs
from shared.bus.broker import build_bus
from shared.clock import SystemClock
from shared.runtime import Service

NAME = "courier"


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    settings = Settings.load()
    fetcher, lists = build_fetcher(settings), build_list_fetcher(settings)
    bus = build_bus(settings.nats, NAME)

    @asynccontextmanager
    async def resources() -> AsyncIterator[Resources]:
        errands = BusErrands(await bus.connect())
        analyst = build_analyst(settings, errands)
        courier = Courier(errands, fetcher, settings.courier.at_once, analyst, lists)
        yield Resources(loops=(partial(run_errands, courier),))

    return Service(
        name=NAME,
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        disks={"state": settings.state.folder},
        checks=tuple(blob_checks(settings.blobs)),
        resources=resources,
    )


def build_fetcher(settings: Settings) -> Fetcher:
    """Wire what fetches.

    Raises:
        ConfigurationError: A variable names authorities that cannot be used.
    """
    rules = Rules(settings.blobs.max_file_bytes, settings.courier.whole_timeout_s)
    return Fetcher(build_web(settings), build_store(settings), rules)


def build_list_fetcher(settings: Settings) -> ListFetcher:
    """Wire what fetches lists of sources.

    Raises:
        ConfigurationError: A variable names authorities that cannot be used.
    """
    store = MemoryFileStore(MOST_BYTES)
    rules = Rules(settings.blobs.max_file_bytes, settings.courier.whole_timeout_s, sheets_as="csv")
    return ListFetcher(Fetcher(build_web(settings), store, rules), store)


def build_web(settings: Settings) -> HttpxWeb:
    """Wire what reaches outside.

    Raises:
        ConfigurationError: A variable names authorities that cannot be used.
    """
    section = settings.courier
    return HttpxWeb(
        SystemResolver(),
        allowed=parse_networks(section.allowed_networks),
        patience=Patience(section.connect_timeout_s, section.idle_timeout_s),
        authorities=named_authorities(network_variables()),
        logins={one.place: Login(one.header, one.secret) for one in section.credentials},
    )


def build_analyst(settings: Settings, errands: Errands) -> Analyst | None:
    """Wire what has files read elsewhere; none if nobody does."""
    section, blobs = settings.analysis, settings.blobs
    if section.server is None:
        return None
    there = section.blobs_there or str(blobs.folder_in(settings.state.folder).absolute())
    pace = Pace(
        poll_s=section.poll_interval_s,
        refused_s=section.refused_wait_s,
        stalled_s=section.stalled_after_s,
        records_s=settings.courier.whole_timeout_s,
    )
    analyser = HttpxAnalyser(section.server, PurePosixPath(there), section.timeout_s)
    store = build_store(settings)
    return Analyst(analyser, errands, store, blobs.max_file_bytes, SystemClock(), pace)


def build_store(settings: Settings) -> BlobFileStore:
    """Wire where files go."""
    blobs = build_blobs(settings.blobs, settings.state.folder)
    return BlobFileStore(blobs, SystemClock(), settings.blobs.max_file_bytes)
