"""Composition root: knows which adapter fills which port, as ``terminal.py`` does beside it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from services.discovery import __doc__ as about
from services.discovery.adapters.bus_consumers import BusConsumers
from services.discovery.adapters.bus_remains import BusRemains
from services.discovery.adapters.bus_space import BusSpace
from services.discovery.adapters.bus_way import BusWay
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.formats import (
    build_named,
    build_options,
    build_repository,
    build_sources,
    build_trigger,
    build_uploads,
)
from services.discovery.handlers.collection_commands import CollectionCommands
from services.discovery.handlers.collections import Collections
from services.discovery.handlers.commands import Carriers, SourceCommands
from services.discovery.handlers.creation import Creation
from services.discovery.handlers.deletion import Deletion
from services.discovery.handlers.figures import LedgerFigures
from services.discovery.handlers.jobs import JobCommands
from services.discovery.handlers.ledger import LedgerKeeper
from services.discovery.handlers.recovery import LostBatchRecovery
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.handlers.stalls import StallFinder, StallReport
from services.discovery.handlers.turns import Room
from services.discovery.handlers.uploads import Uploads
from services.discovery.loops.belonging import Belongings
from services.discovery.loops.deleting import DeletingLoop
from services.discovery.loops.first_looks import FirstLooks
from services.discovery.loops.jobs import Books, open_jobs
from services.discovery.loops.recovering import RecoveryLoop
from services.discovery.loops.reporting import (
    forget_old_accounts,
    keep_figures_fresh,
    report_stalls,
)
from services.discovery.loops.resting import let_rest
from services.discovery.loops.scanning import ScanLoop
from services.discovery.loops.taking_up import TakingUp
from services.discovery.settings import Settings
from services.discovery.subscribers.commands import build_commands_router
from services.discovery.subscribers.ledger import build_ledger_router
from services.discovery.wiring import build_books, build_busy, build_replays
from shared.assignments import Activity, Loop, Resources
from shared.belonging import patiently
from shared.blobs.choosing import blob_checks
from shared.blobs.cleaning import keep_clean
from shared.bus.answering import answer
from shared.bus.broker import Bus, build_bus
from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.bus.registry.durables import (
    DISCOVERY_READS_COMMANDS,
    DISCOVERY_READS_DEAD_LETTERS,
    DISCOVERY_READS_SETTLED,
)
from shared.bus.registry.questions import COLLECTIONS_LIST, COLLECTIONS_WAKE, SOURCES_LIST
from shared.clock import Clock, SystemClock
from shared.contracts.statuses import DiscoveryStatus, SourceFigures
from shared.observability import metrics
from shared.observability.instruments import Reading
from shared.preflight import folder_checks
from shared.runtime import Service

DURABLES = (DISCOVERY_READS_COMMANDS, DISCOVERY_READS_SETTLED, DISCOVERY_READS_DEAD_LETTERS)
LOOK_FOR_STALLS_S = 10.0
LISTING, TELLING = "listing collections", "telling what a crash has cut off"


class Discovery:
    """The parts of the running service, put together when its state is owned."""

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self._settings = settings
        self._bus = bus
        self._repository = build_sources(settings, build_repository(settings))
        self._trigger = build_trigger(settings.ingestion, self._repository.folders)
        self._changed = asyncio.Event()
        self._way = BusWay(bus)
        self.folder = settings.state.folder / "discovery"
        self._figures: LedgerFigures | None = None
        self._books: Books | None = None
        self._collections: list[str] = []
        """Those that are worked on now."""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Resources]:
        """Open the ledger; gives the commands, the loops, and how a collection is opened.

        Raises:
            ConfigurationError: A root is not there, or the ledger is of another version.
        """
        await self._repository.check()
        clock, kept = SystemClock(), self._settings.retention
        async with SqliteStateStore.open(self.folder) as store, AsyncExitStack() as stack:
            busy, publisher = build_busy(self._settings, self._bus, store, clock)
            records = Collections(store, clock, busy)
            stack.callback(records.close)
            events = LedgerKeeper(store, clock, self._changed)
            scanner = self._scanner(store, events, clock)
            scanning = ScanLoop(scanner, publisher, busy, FirstLooks(clock))
            named = build_named(self._settings, self._repository.folders)
            taking_up = TakingUp(busy, BusConsumers(self._bus), named, scanning, self._trigger)
            uploads = await self._uploads(store, scanning)
            await self._record_collections(records, store, taking_up)
            belongings = Belongings(self._bus, scanner.epochs, self._changed.set)
            self._figures = LedgerFigures(store, store, store, store, scanner, self._collections)
            self._figures.is_compared = belongings.is_compared
            await patiently(TELLING, lambda: publisher.publish_steps(events.resume()))
            letters = DeadLetterLog(await self._bus.connect())
            creation = Creation(records, store, named, clock, taking_up.begin)
            whole = self._whole(records, store, creation, taking_up, uploads)
            replays, jobs = (
                build_replays(self._repository, store, scanner, letters),
                JobCommands(store, scanner.locks, clock, uploads.refresh),
            )
            carriers = Carriers(replays, whole, jobs, self._settings.collections)
            commands = SourceCommands(store, carriers, clock, self._changed)
            yield Resources(
                routers=(build_commands_router(self._bus.settler, commands),),
                loops=(
                    partial(scanning.run, self._trigger),
                    partial(scanning.look_again, events.postponed),
                    taking_up.look_at_new,
                    DeletingLoop(whole.deletion, store.deleting_collections, publisher).run,
                    partial(let_rest, busy, self._settings.ingestion.rest_after_s),
                    partial(keep_figures_fresh, self._figures, self._changed),
                    partial(forget_old_accounts, store, clock, kept),
                    partial(keep_clean, uploads.clean, self._settings.blobs.keep_leftovers),
                    *await self._jobs(store, scanning, carriers),
                ),
                open=partial(self._collection, store, events, scanning, belongings),
                begin=taking_up.begin_known,
            )

    async def _jobs(
        self, store: SqliteStateStore, scanning: ScanLoop, carriers: Carriers
    ) -> tuple[Loop, ...]:
        self._books = books = build_books(self._settings, store, carriers.is_served)
        kept = self._settings.retention
        return await open_jobs(self._bus, store, scanning, carriers, kept, books)

    def _whole(
        self,
        records: Collections,
        store: SqliteStateStore,
        creation: Creation,
        taking_up: TakingUp,
        uploads: Uploads,
    ) -> CollectionCommands:
        async def leave(name: str) -> None:
            await taking_up.end(name)
            await uploads.remove_all(name)

        deletion = Deletion(
            records,
            store,
            BusRemains(self._bus),
            SystemClock(),
            configured=self._settings.collections,
            leave=leave,
        )
        return CollectionCommands(records, creation, deletion, uploads)

    async def _uploads(self, store: SqliteStateStore, scanning: ScanLoop) -> Uploads:
        """Have the files read that were uploaded before, and tell of them who asks."""
        uploads = build_uploads(self._settings, self._repository, store, SystemClock())
        await patiently("reading what was uploaded", uploads.load)
        uploads.look = scanning.ask
        await answer(self._bus.broker, SOURCES_LIST, store.page_of_sources)
        return uploads

    async def _record_collections(
        self, records: Collections, store: SqliteStateStore, taking_up: TakingUp
    ) -> None:
        """Record those of the configuration, tell of what is new, and answer who asks.

        Whoever hears of one that is worked on finds its consumers.
        """
        names = self._settings.collections
        await patiently("recording collections", lambda: records.record(names))
        known = await patiently(LISTING, lambda: records.served(names))
        await taking_up.go_on(known, await patiently(LISTING, store.resting_collections))
        publisher = self._bus.publisher
        await patiently(TELLING, lambda: publisher.publish_steps(records.resume()))
        await answer(self._bus.broker, COLLECTIONS_LIST, records.page)
        await answer(self._bus.broker, COLLECTIONS_WAKE, records.wake)

    @asynccontextmanager
    async def _collection(
        self,
        store: SqliteStateStore,
        events: LedgerKeeper,
        scanning: ScanLoop,
        belongings: Belongings,
        name: str,
    ) -> AsyncIterator[Activity]:
        scanning.scanner.disturb(name)
        belonging = await belongings.open(name, store)
        router = build_ledger_router(self._bus.settler, name, events)
        epochs = scanning.scanner.epochs
        recovery = LostBatchRecovery(
            name, store, epochs, in_flight=self._way.in_flight, births=self._way.births
        )
        loops = (
            RecoveryLoop(recovery, self._bus.publisher, scanning.scan, self._changed).run,
            self._stall_loop(name, store, SystemClock()),
            belonging.keep_comparing,
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
        return SourceScanner(
            repository=self._repository,
            store=store,
            events=events,
            room=Room(self._way.waiting),
            clock=clock,
            options=build_options(self._settings, BusSpace(self._bus)),
        )

    def _stall_loop(self, collection: str, store: SqliteStateStore, clock: Clock) -> Loop:
        after_s = self._settings.ingestion.stalled_after_s
        report = StallReport(
            finder=StallFinder(collection, after_s=after_s),
            loads=partial(self._way.loads, collection),
            stalls=store,
            clock=clock,
            changed=self._changed,
        )
        every_s = min(LOOK_FOR_STALLS_S, after_s / 4)
        return partial(report_stalls, report, self._bus.publisher, every_s)

    def gauges(self) -> Iterator[Reading]:
        """Tell the same to Prometheus."""
        for name, told in list(self.figures.items()):
            yield metrics.CONTRADICTED.read(told.contradicted_batches, collection=name)
            yield metrics.STALLED.read(told.stalled_sources, collection=name)
            for status, count in told.sources.items():
                yield metrics.SOURCES.read(count, collection=name, status=status)
            for state, count in told.records:
                yield metrics.LEDGER.read(count, collection=name, state=state)
        for name, stale in (self._books.stale if self._books else {}).items():
            yield metrics.STALE_SCHEDULES.read(stale, collection=name)


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
        checks=(
            *folder_checks(discovery.folder, "state.folder", has_database=True),
            *blob_checks(settings.blobs),
        ),
        resources=discovery.open,
        told=lambda common: DiscoveryStatus(**common, collections=discovery.figures),
        gauges=discovery.gauges,
    )
