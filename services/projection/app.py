"""Composition root: the only module that knows which adapter fills which port."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from services.projection import __doc__ as about
from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.domain.state import CollectionState
from services.projection.handlers import Rules
from services.projection.settings import Settings
from services.projection.subscribers import CollectionShell
from shared.bus.broker import build_bus
from shared.bus.channels import (
    PROJECTION_READS_BATCHES,
    PROJECTION_READS_REFITS,
    PROJECTION_READS_RETRACTIONS,
)
from shared.clock import SystemClock
from shared.runtime import Loop, Service


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    settings = Settings.load()
    section = settings.projection
    folder = settings.state.folder / "projection"
    bus = build_bus(settings.nats, "projection")
    states: dict[str, CollectionState] = {}

    @asynccontextmanager
    async def resources() -> AsyncIterator[Sequence[Loop]]:
        async with open_store(folder / "projection.sqlite") as store:
            for collection in settings.collections:
                states[collection] = await store.load(collection)
                shell = CollectionShell(
                    states[collection],
                    store=store,
                    publisher=bus.publisher,
                    clock=SystemClock(),
                    rules=Rules(section.refit_threshold, section.align),
                )
                await shell.announce_pending()
                shell.subscribe(
                    bus.subscriber,
                    max_messages=section.micro_batch_max,
                    max_wait_s=section.micro_batch_wait_s,
                )
            yield ()

    return Service(
        name="projection",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        durables=(PROJECTION_READS_BATCHES, PROJECTION_READS_RETRACTIONS, PROJECTION_READS_REFITS),
        owns=(folder,),
        resources=resources,
        figures=lambda: {"collections": {name: figures(state) for name, state in states.items()}},
    )


def figures(state: CollectionState) -> Mapping[str, Any]:
    """Tell the state of one collection."""
    model = state.model
    return {
        "records": state.records,
        "version": model.version if model else 0,
        "is_stale": state.is_stale,
        "explained_variance_ratio": list(model.explained_variance_ratio) if model else [0.0, 0.0],
    }
