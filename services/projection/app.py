"""Composition root: the only module that knows which adapter fills which port."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial

from services.projection import __doc__ as about
from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.domain.refits import Rules
from services.projection.domain.state import CollectionState
from services.projection.handlers.commands import ModelCommands
from services.projection.handlers.projector import Projector
from services.projection.loops import forget_when_quiet, resume
from services.projection.ports import ProjectionStore
from services.projection.settings import ProjectionSection, Settings
from services.projection.subscribers.collection import build_collection_router
from services.projection.subscribers.commands import build_commands_router
from shared.assignments import Activity, Resources
from shared.bus.broker import Bus, build_bus
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.registry.durables import (
    PROJECTION_READS_BATCHES,
    PROJECTION_READS_COMMANDS,
    PROJECTION_READS_RETRACTIONS,
    PROJECTION_READS_SETTLED,
)
from shared.clock import SystemClock
from shared.contracts.statuses import Common, HeldRefit, ModelFigures, ProjectionStatus
from shared.observability import metrics
from shared.observability.instruments import Reading
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
        self._bus = bus
        self._clock = SystemClock()
        self._projectors: dict[str, Projector] = {}
        self.folder = settings.state.folder / "projection"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Resources]:
        """Open the store; gives the commands, and how a collection is opened.

        Raises:
            ConfigurationError: The store is of another version.
        """
        file = self.folder / "projection.sqlite"
        async with open_store(file, keep_models=self._section.keep_models) as store:
            commands = ModelCommands(self._projectors, self._clock)
            router = build_commands_router(self._bus.settler, commands)
            yield Resources(routers=(router,), open=partial(self._collection, store))

    @asynccontextmanager
    async def _collection(self, store: ProjectionStore, name: str) -> AsyncIterator[Activity]:
        section, state = self._section, await store.load(name)
        projector = Projector(state, store=store, clock=self._clock, rules=rules_of(section))
        await resume(projector, self._bus.publisher)
        pull = Pull(section.micro_batch_max, section.micro_batch_wait_s)
        self._projectors[name] = projector
        try:
            yield Activity(
                routers=(build_collection_router(self._bus.settler, projector, pull),),
                loops=(partial(forget_when_quiet, projector, self._bus.publisher),),
            )
        finally:
            del self._projectors[name]

    def told(self, common: Common) -> ProjectionStatus:
        """Tell the state of every collection."""
        told = {name: figures(one.state) for name, one in self._projectors.items()}
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
    return Service(
        name="projection",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        durables=DURABLES,
        owns=(projection.folder,),
        disks={"state": settings.state.folder},
        checks=tuple(folder_checks(projection.folder, "state.folder", has_database=True)),
        resources=projection.open,
        told=projection.told,
        gauges=projection.gauges,
    )


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


def figures(state: CollectionState) -> ModelFigures:
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
