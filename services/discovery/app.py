"""Composition root: the only module that knows which adapter fills which port."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import structlog

from services.discovery import __doc__ as about
from services.discovery.adapters.bus_dead_letter_store import BusDeadLetterStore
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.poll_trigger import PollTrigger
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.adapters.watch_trigger import WatchTrigger
from services.discovery.domain.stalls import Holder, StageLoad
from services.discovery.handlers.collections import Collections
from services.discovery.handlers.commands import SourceCommands
from services.discovery.handlers.creation import Creation
from services.discovery.handlers.figures import LedgerFigures
from services.discovery.handlers.ledger import LedgerKeeper
from services.discovery.handlers.recovery import LostBatchRecovery
from services.discovery.handlers.replay import ReplayContext
from services.discovery.handlers.reread import SourceRereader
from services.discovery.handlers.scan import ScanOptions
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.handlers.stalls import Loads, StallFinder, StallReport
from services.discovery.handlers.turns import Room
from services.discovery.loops.recovering import RecoveryLoop
from services.discovery.loops.reporting import (
    forget_old_accounts,
    keep_figures_fresh,
    report_stalls,
)
from services.discovery.loops.scanning import ScanLoop
from services.discovery.loops.taking_up import TakingUp
from services.discovery.ports import Trigger
from services.discovery.settings import IngestionSection, Settings
from services.discovery.subscribers.commands import build_commands_router
from services.discovery.subscribers.ledger import build_ledger_router
from services.discovery.terminal import build_named, build_repository
from shared.assignments import Activity, Loop, Resources
from shared.bus.answering import answer
from shared.bus.broker import Bus, build_bus
from shared.bus.connection import BUS_ERRORS
from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.bus.registry import durables
from shared.bus.registry.durables import (
    DISCOVERY_READS_COMMANDS,
    DISCOVERY_READS_DEAD_LETTERS,
    DISCOVERY_READS_SETTLED,
    EMBEDDING_READS_BATCHES,
    PROJECTION_READS_BATCHES,
    WRITING_READS_PROJECTION,
    Durable,
)
from shared.bus.registry.questions import COLLECTIONS_LIST
from shared.bus.topology import backlog, total_backlog
from shared.clock import Clock, SystemClock
from shared.contracts.statuses import DiscoveryStatus, SourceFigures
from shared.observability import metrics
from shared.observability.instruments import Reading
from shared.preflight import folder_checks
from shared.runtime import Service

DURABLES = (DISCOVERY_READS_COMMANDS, DISCOVERY_READS_SETTLED, DISCOVERY_READS_DEAD_LETTERS)
LOOK_FOR_STALLS_S = 10.0
log = structlog.get_logger(__name__)
WAY: dict[Holder, Durable] = {
    "embedding": EMBEDDING_READS_BATCHES,
    "projection": PROJECTION_READS_BATCHES,
    "writing": WRITING_READS_PROJECTION,
    "discovery": DISCOVERY_READS_SETTLED,
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
        self._figures: LedgerFigures | None = None
        self._collections: list[str] = []
        """Those that are worked on now."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Resources]:
        """Open the ledger; gives the commands, the loops, and how a collection is opened.

        Raises:
            ConfigurationError: A root is not there, or the ledger is of another version.
        """
        await self._repository.check()
        clock = SystemClock()
        async with SqliteStateStore.open(self.folder) as store:
            publisher = self._bus.publisher
            records = Collections(store, clock)
            events = LedgerKeeper(store, clock, self._changed)
            scanner = self._scanner(store, events, clock)
            scanning = ScanLoop(scanner, publisher)
            named = build_named(self._settings, self._repository)
            taking_up = TakingUp(self._bus, named, scanning, self._trigger)
            await self._record_collections(records, taking_up)
            self._figures = LedgerFigures(store, store, store, store, scanner, self._collections)
            await publisher.publish_steps(events.resume())
            context = ReplayContext(
                ledger=store,
                store=BusDeadLetterStore(DeadLetterLog(await self._bus.connect())),
                reread=SourceRereader(self._repository, store, store, clock),
                locks=scanner.locks,
            )
            creation = Creation(records, store, named, clock, taking_up.begin)
            commands = SourceCommands(
                store, context, creation, clock, self._collections, self._changed
            )
            # A day longer than the letters themselves: the server deletes those by its own clock.
            keep = timedelta(days=self._settings.retention.dead_letters_days + 1)
            yield Resources(
                routers=(build_commands_router(self._bus.settler, commands),),
                loops=(
                    partial(scanning.run, self._trigger),
                    partial(scanning.look_again, events.postponed),
                    taking_up.look_at_new,
                    partial(keep_figures_fresh, self._figures, self._changed),
                    partial(forget_old_accounts, store, clock, keep),
                ),
                open=partial(self._collection, store, events, scanning),
                begin=taking_up.begin_known,
            )

    async def _record_collections(self, records: Collections, taking_up: TakingUp) -> None:
        """Record those of the configuration, tell of what is new, and answer who asks.

        Whoever hears of one finds its consumers.
        """
        await records.record(self._settings.collections)
        await taking_up.declare(await records.served(self._settings.collections))
        await self._bus.publisher.publish_steps(records.resume())
        await answer(self._bus.broker, COLLECTIONS_LIST, records.page)

    @asynccontextmanager
    async def _collection(
        self, store: SqliteStateStore, events: LedgerKeeper, scanning: ScanLoop, name: str
    ) -> AsyncIterator[Activity]:
        router = build_ledger_router(self._bus.settler, name, events)
        epochs = scanning.scanner.epochs
        recovery = LostBatchRecovery(
            name, store, epochs, in_flight=self._in_flight, births=self._births
        )
        loops = (
            partial(scanning.follow, name),
            RecoveryLoop(recovery, self._bus.publisher, scanning.scan, self._changed).run,
            self._stall_loop(name, store, SystemClock()),
        )
        self._collections.append(name)
        self._changed.set()
        try:
            yield Activity(routers=(router,), loops=loops)
        finally:
            self._collections.remove(name)
            self._changed.set()

    @property
    def figures(self) -> Mapping[str, SourceFigures]:
        """What the ledger holds, by collection."""
        return self._figures.by_collection if self._figures else {}

    def _scanner(
        self, store: SqliteStateStore, events: LedgerKeeper, clock: Clock
    ) -> SourceScanner:
        section = self._settings.ingestion
        return SourceScanner(
            repository=self._repository,
            store=store,
            events=events,
            room=Room(self._waiting),
            clock=clock,
            options=ScanOptions(
                recheck_after=self._settings.recheck_after,
                is_deep=section.deep_check_at_start,
                forgets_gone=section.when_gone == "forget",
            ),
        )

    def _stall_loop(self, collection: str, store: SqliteStateStore, clock: Clock) -> Loop:
        after_s = self._settings.ingestion.stalled_after_s
        report = StallReport(
            finder=StallFinder(collection, after_s=after_s),
            loads=partial(self._loads, collection),
            stalls=store,
            clock=clock,
            changed=self._changed,
        )
        every_s = min(LOOK_FOR_STALLS_S, after_s / 4)
        return partial(report_stalls, report, self._bus.publisher, every_s)

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
            yield metrics.CONTRADICTED.read(told.contradicted_batches, collection=name)
            yield metrics.STALLED.read(told.stalled_sources, collection=name)
            for status, count in told.sources.items():
                yield metrics.SOURCES.read(count, collection=name, status=status)
            for state, count in told.records:
                yield metrics.LEDGER.read(count, collection=name, state=state)

    async def _births(self, collection: str) -> str | None:
        """Tell when the consumers on the way of a collection were made, if that is known."""
        try:
            ways = [await backlog(self._bus.js, one, collection) for one in WAY.values()]
        except BUS_ERRORS:
            return None
        return " ".join(str(way.born) for way in ways)

    async def _in_flight(self, collection: str) -> int | None:
        return await total_backlog(self._bus.js, durables.DURABLES, [collection])

    async def _waiting(self, collection: str) -> int | None:
        """Tell how many batches nobody has taken up yet, if that is known."""
        try:
            return (await backlog(self._bus.js, EMBEDDING_READS_BATCHES, collection)).waiting
        except BUS_ERRORS:
            return None


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
        durables=DURABLES,
        owns=(discovery.folder,),
        disks={"state": settings.state.folder},
        checks=tuple(folder_checks(discovery.folder, "state.folder", has_database=True)),
        resources=discovery.open,
        told=lambda common: DiscoveryStatus(**common, collections=discovery.figures),
        gauges=discovery.gauges,
    )


def build_trigger(section: IngestionSection, repository: FolderSourceRepository) -> Trigger:
    """Wire what says when to look."""
    trigger = section.trigger
    if trigger.mode == "poll":
        return PollTrigger(trigger.poll_interval_s)
    return WatchTrigger(
        lambda: repository.watched_paths,
        debounce_ms=round(trigger.debounce_s * 1000),
        rescan_interval_s=trigger.rescan_interval_s,
        on_degraded=_tell_unwatched,
    )


def _tell_unwatched(reason: str) -> None:
    if reason:
        log.warning("watch.degraded", reason=reason, remedy="full looks go on")
    else:
        log.info("watch.restored")
