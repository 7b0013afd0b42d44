"""Composition root: knows which adapter fills which port, as ``terminal.py`` does beside it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

from services.projection import __doc__ as about
from services.projection.adapters.bus_news import heard_since
from services.projection.adapters.bus_roster import BusRoster
from services.projection.adapters.bus_stored_map import BusStoredMap
from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.domain.refits import Rules
from services.projection.domain.state import CollectionState
from services.projection.handlers.belonging import load
from services.projection.handlers.commands import ModelCommands
from services.projection.handlers.projector import Projector
from services.projection.loops import count_anew_in_doubt, finish, forget_when_quiet, resume
from services.projection.ports import ProjectionStore, StoredMap
from services.projection.settings import ProjectionSection, Settings
from services.projection.subscribers.collection import build_collection_router
from services.projection.subscribers.commands import build_commands_router
from shared.assignments import Activity, Resources
from shared.belonging import Belonging, patiently
from shared.bus.broker import Bus, build_bus
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.reading.collections import CollectionBook
from shared.bus.reading.dataset import DatasetBook
from shared.bus.registry.durables import (
    PROJECTION_READS_BATCHES,
    PROJECTION_READS_COMMANDS,
    PROJECTION_READS_RETRACTIONS,
    PROJECTION_READS_SETTLED,
)
from shared.clock import SystemClock
from shared.contracts.statuses import Common, HeldRefit, ModelFigures, ProjectionStatus
from shared.locking import LOCK, exclusive_owner
from shared.observability import metrics
from shared.observability.instruments import Reading
from shared.ownership import own
from shared.preflight import folder_checks
from shared.runtime import Service

DURABLES = (
    PROJECTION_READS_BATCHES,
    PROJECTION_READS_RETRACTIONS,
    PROJECTION_READS_SETTLED,
    PROJECTION_READS_COMMANDS,
)


class Projection:
    """The parts of the running service."""

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self._section = settings.projection
        self._configured = settings.collections
        self._bus = bus
        self._clock = SystemClock()
        self._projectors: dict[str, Projector] = {}
        self._belongings: dict[str, Belonging] = {}
        self.folder = settings.state.folder / "projection"
        self.is_elsewhere: Callable[[str], bool] = lambda _: False
        """Whether another replica works on a collection."""

    def owns_for(self, collection: str) -> tuple[Path, ...]:
        """Name the folder that whoever works on a collection has locked."""
        return (self.folder / "owners" / collection,)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Resources]:
        """Open the store; gives the commands, and how a collection is opened.

        Raises:
            ConfigurationError: The store is of another version.
        """
        async with AsyncExitStack() as stack:
            store = await self._open_store(stack)
            book = CollectionBook(await self._bus.connect())
            roster = BusRoster(book, self._configured, self.is_elsewhere)
            commands = ModelCommands(self._projectors, self._clock, roster)
            router = build_commands_router(self._bus.settler, commands)
            yield Resources(
                routers=(router,),
                open=partial(self._collection, store),
                remove=partial(self._remove, store),
            )

    async def _open_store(self, stack: AsyncExitStack) -> ProjectionStore:
        """Open what all replicas share; of two that begin, one makes or upgrades it.

        Raises:
            ConfigurationError: The store is of another version.
        """
        file, keep_models = self.folder / "projection.sqlite", self._section.keep_models
        async with AsyncExitStack() as opening:
            await own(opening, [self.folder / "opening"], lambda _: None)
            return await stack.enter_async_context(open_store(file, keep_models=keep_models))

    async def _remove(self, store: ProjectionStore, name: str) -> None:
        (folder,) = self.owns_for(name)
        async with exclusive_owner(folder):
            await store.remove(name)
            (folder / LOCK).unlink(missing_ok=True)
            with suppress(OSError):  # another replica is about to find that nothing is left
                folder.rmdir()

    @asynccontextmanager
    async def _collection(self, store: ProjectionStore, name: str) -> AsyncIterator[Activity]:
        section, book = self._section, DatasetBook(await self._bus.connect(), name)
        belonging = Belonging("projection", name, store, book.compare, mends_older=True)
        state = await patiently(
            f"opening the state of {name}",
            partial(self._load, name, store, belonging, BusStoredMap(book)),
        )
        projector = Projector(
            state,
            store=store,
            clock=self._clock,
            rules=rules_of(section),
            opened=belonging.opened,
        )
        await resume(projector, self._bus.publisher)
        pull = Pull(section.micro_batch_max, section.micro_batch_wait_s)
        self._projectors[name] = projector
        self._belongings[name] = belonging
        try:
            yield Activity(
                routers=(build_collection_router(self._bus.settler, projector, pull),),
                loops=(
                    partial(forget_when_quiet, projector, self._bus.publisher),
                    belonging.keep_comparing,
                    partial(count_anew_in_doubt, projector, belonging),
                ),
                finish=partial(finish, projector, store),
            )
        finally:
            del self._projectors[name]
            del self._belongings[name]
            await projector.close()

    async def _load(
        self, name: str, store: ProjectionStore, belonging: Belonging, stored: StoredMap
    ) -> CollectionState:
        since = await heard_since(self._bus, name)
        return await load(name, store=store, belonging=belonging, stored=stored, hears_since=since)

    def told(self, common: Common) -> ProjectionStatus:
        """Tell the state of every collection."""
        told = {
            name: figures(one.state, is_compared=self._belongings[name].is_compared)
            for name, one in self._projectors.items()
        }
        return ProjectionStatus(**common, collections=told)

    def gauges(self) -> Iterator[Reading]:
        """Tell the same to Prometheus."""
        for one in list(self._projectors.values()):
            yield from gauges(one.state)


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    settings = Settings.load()
    bus = build_bus(settings.nats, "projection", state=settings.state.folder)
    projection = Projection(settings, bus)
    service = Service(
        name="projection",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        durables=DURABLES,
        owns_for=projection.owns_for,
        shares=(projection.folder,),
        disks={"state": settings.state.folder},
        checks=tuple(folder_checks(projection.folder, "state.folder", has_database=True)),
        resources=projection.open,
        told=projection.told,
        gauges=projection.gauges,
    )
    projection.is_elsewhere = service.is_elsewhere
    return service


def rules_of(section: ProjectionSection) -> Rules:
    """Say what refits go by."""
    return Rules(
        refit_threshold=section.refit_threshold,
        align=section.align,
        movement_budget=section.movement_budget,
        young_below=section.young_below,
        mean_shift=section.drift_mean_shift,
        unexplained=section.drift_unexplained,
    )


def figures(state: CollectionState, *, is_compared: bool = True) -> ModelFigures:
    """Tell the state of one collection."""
    model = state.model
    return ModelFigures(
        records=state.records,
        pending=state.pending,
        in_doubt=state.in_doubt,
        version=model.version if model else 0,
        is_stale=state.is_stale,
        explained_variance_ratio=list(model.explained_variance_ratio) if model else [0.0, 0.0],
        held=HeldRefit.model_validate(asdict(state.held)) if state.held else None,
        is_compared=is_compared,
    )


def gauges(state: CollectionState) -> Iterator[Reading]:
    """Tell the state of one collection to Prometheus."""
    name, model = state.collection, state.model
    yield metrics.COUNTED_RECORDS.read(state.records, collection=name)
    yield metrics.UNSETTLED.read(state.pending, collection=name, state="pending")
    yield metrics.UNSETTLED.read(state.in_doubt, collection=name, state="in doubt")
    yield metrics.REFIT_HELD.read(state.held is not None, collection=name)
    yield metrics.MODEL_VERSION.read(model.version if model else 0, collection=name)
    if model is None:
        return
    yield metrics.MODEL_RECORDS.read(model.record_count, collection=name)
    yield metrics.MODEL_CREATED.read(model.created_at.timestamp(), collection=name)
    moved = model.movement.rms_share if model.movement else 0.0
    yield metrics.MODEL_MOVEMENT.read(moved, collection=name)
    for axis, share in zip("xy", model.explained_variance_ratio, strict=True):
        yield metrics.MODEL_VARIANCE.read(share, collection=name, axis=axis)
