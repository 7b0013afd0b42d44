"""Composition root: the only module that knows which adapter fills which port."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog

from services.discovery import __doc__ as about
from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.poll_trigger import PollTrigger
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.adapters.watch_trigger import WatchTrigger
from services.discovery.domain.stalls import Holder, StageLoad
from services.discovery.handlers.look import Order
from services.discovery.handlers.replay import Desk, send_again
from services.discovery.handlers.reread import Reread
from services.discovery.handlers.stalls import Loads, StallFinder
from services.discovery.loops.reading import Looker
from services.discovery.loops.sweeping import Sweep
from services.discovery.loops.telling import FiguresLoop, StallLoop, forget_old_accounts
from services.discovery.ports import Trigger
from services.discovery.settings import IngestionSection, Settings
from services.discovery.subscribers.commands import CommandShell
from services.discovery.subscribers.ledger import LedgerShell
from services.discovery.subscribers.letters import BusLetterBox, BusSender
from shared.bus.broker import Bus, build_bus
from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.bus.registry.durables import (
    DISCOVERY_READS_COMMANDS,
    DISCOVERY_READS_COMMITS,
    DISCOVERY_READS_DEAD_LETTERS,
    DURABLES,
    EMBEDDING_READS_BATCHES,
    PROJECTION_READS_BATCHES,
    WRITING_READS_PROJECTION,
    Durable,
)
from shared.bus.topology import BUS_ERRORS, backlog, total_backlog
from shared.clock import Clock, SystemClock
from shared.contracts.statuses import DiscoveryStatus, SourceFigures
from shared.observability import metrics
from shared.observability.instruments import Reading
from shared.preflight import folder_checks
from shared.runtime import Loop, Service

LOOK_FOR_STALLS_S = 10.0
log = structlog.get_logger(__name__)
WAY: dict[Holder, Durable] = {
    "embedding": EMBEDDING_READS_BATCHES,
    "projection": PROJECTION_READS_BATCHES,
    "writing": WRITING_READS_PROJECTION,
    "discovery": DISCOVERY_READS_COMMITS,
}
"""Where each stage takes the batches from, or the news of them."""


class Discovery:
    """The parts of the running service, put together when its state is owned."""

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self._settings = settings
        self._bus = bus
        self._repository = build_repository(settings)
        self._trigger = build_trigger(settings.ingestion, self._repository)
        self._changed = asyncio.Event()
        self.folder = settings.state.folder / "discovery"
        self._counted: FiguresLoop | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Sequence[Loop]]:
        """Open the ledger and subscribe; gives the loops.

        Raises:
            ConfigurationError: A root is not there, or the ledger is of another version.
        """
        await self._repository.check()
        clock = SystemClock()
        async with SqliteStateStore.open(self.folder) as store:
            ledger = LedgerShell(store, self._bus.publisher, clock, self._changed)
            looker = self._looker(store, ledger, clock)
            sender = BusSender(self._bus.publisher)
            sweep = Sweep(
                store,
                looker,
                self._bus.publisher,
                self._in_flight,
                partial(send_again, store, sender),
            )
            collections = self._settings.collections
            self._counted = FiguresLoop(store, store, store, looker, collections, self._changed)
            await ledger.announce_pending()
            for collection in collections:
                ledger.subscribe(self._bus.subscriber, collection)
            desk = Desk(
                ledger=store,
                box=BusLetterBox(DeadLetterLog(await self._bus.connect())),
                sender=sender,
                reread=Reread(self._repository, store, store),
                claims=looker.claims,
            )
            commands = CommandShell(store, desk, clock, collections, self._changed)
            commands.subscribe(self._bus.subscriber)
            # A day longer than the letters themselves: the server deletes those by its own clock.
            keep = timedelta(days=self._settings.retention.dead_letters_days + 1)
            stalls = [self._stall_loop(name, store, clock) for name in collections]
            yield (
                partial(looker.run, self._trigger),
                sweep.run,
                self._counted.run,
                *(loop.run for loop in stalls),
                partial(forget_old_accounts, store, clock, keep),
            )

    @property
    def figures(self) -> Mapping[str, SourceFigures]:
        """What the ledger holds, by collection."""
        return self._counted.figures if self._counted else {}

    def _looker(self, store: SqliteStateStore, ledger: LedgerShell, clock: Clock) -> Looker:
        section = self._settings.ingestion
        return Looker(
            repository=self._repository,
            store=store,
            ledger=ledger,
            publisher=self._bus.publisher,
            clock=clock,
            changed=self._changed,
            rules=Order(
                recheck_after=self._settings.recheck_after,
                is_deep=section.deep_check_at_start,
                forgets_gone=section.when_gone == "forget",
            ),
        )

    def _stall_loop(self, collection: str, store: SqliteStateStore, clock: Clock) -> StallLoop:
        after_s = self._settings.ingestion.stalled_after_s
        return StallLoop(
            finder=StallFinder(collection, after_s=after_s),
            every_s=min(LOOK_FOR_STALLS_S, after_s / 4),
            loads=partial(self._loads, collection),
            store=store,
            stalls=store,
            publisher=self._bus.publisher,
            clock=clock,
            changed=self._changed,
        )

    async def _loads(self, collection: str) -> Loads | None:
        loads = {}
        for stage, durable in WAY.items():
            try:
                left = await backlog(self._bus.js, durable, collection)
            except BUS_ERRORS:
                return None
            loads[stage] = StageLoad(left.total, left.settled_to)
        return loads

    def gauges(self) -> Iterator[Reading]:
        """Tell the same to Prometheus."""
        for name, told in list(self.figures.items()):
            yield metrics.STALLED.read(told.stalled_sources, collection=name)
            for status, count in told.sources.items():
                yield metrics.SOURCES.read(count, collection=name, status=status)
            for state, count in told.records:
                yield metrics.LEDGER.read(count, collection=name, state=state)

    async def _in_flight(self) -> int | None:
        return await total_backlog(self._bus.js, DURABLES, self._settings.collections)


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    settings = Settings.load()
    bus = build_bus(settings.nats, "discovery", state=settings.state.folder)
    discovery = Discovery(settings, bus)
    return Service(
        name="discovery",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        durables=(
            DISCOVERY_READS_COMMANDS,
            DISCOVERY_READS_COMMITS,
            DISCOVERY_READS_DEAD_LETTERS,
        ),
        owns=(discovery.folder,),
        disks={"state": settings.state.folder},
        checks=tuple(folder_checks(discovery.folder, "state.folder", has_database=True)),
        resources=discovery.open,
        told=lambda common: DiscoveryStatus(**common, collections=discovery.figures),
        gauges=discovery.gauges,
    )


def build_repository(settings: Settings) -> FolderSourceRepository:
    """Wire the folders that are read."""
    section = settings.ingestion
    roots = [
        Root(one.path, one.glob, one.collection, one.links_may_leave) for one in section.sources
    ]
    return FolderSourceRepository(
        roots,
        max_line_bytes=section.max_line_bytes,
        own=settings.own_folders,
        output=settings.output.folder,
    )


def build_trigger(section: IngestionSection, repository: FolderSourceRepository) -> Trigger:
    """Wire what says when to look."""
    trigger = section.trigger
    if trigger.mode == "poll":
        return PollTrigger(trigger.poll_interval_s)
    return WatchTrigger(
        repository.watched_paths,
        debounce_ms=round(trigger.debounce_s * 1000),
        rescan_interval_s=trigger.rescan_interval_s,
        on_degraded=_tell_unwatched,
    )


def _tell_unwatched(reason: str) -> None:
    if reason:
        log.warning("watch.degraded", reason=reason, remedy="full looks go on")
    else:
        log.info("watch.restored")
