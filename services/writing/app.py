"""Composition root: the only module that knows which adapter fills which port."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from services.writing import __doc__ as about
from services.writing.adapters.dataset_size import DatasetSize
from services.writing.adapters.json_identity import claim_folder
from services.writing.adapters.json_model_archive import JsonModelArchive
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.adapters.parquet_output_writer import ParquetOutputWriter
from services.writing.domain.budget import SnapshotBudget
from services.writing.handlers.public_files import PublicFiles
from services.writing.handlers.writer import Writer
from services.writing.loops import keep_files_fresh, move_to_new_models, tidy_up
from services.writing.settings import Settings
from services.writing.subscribers import build_router
from shared.bus.broker import Bus, build_bus
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.handover import BusHandover
from shared.bus.registry.durables import (
    BATCHES_ON_THEIR_WAY,
    PROJECTION_READS_RETRACTIONS,
    WRITING_READS_PROJECTION,
)
from shared.bus.topology import total_backlog
from shared.clock import SystemClock
from shared.contracts.statuses import WritingStatus
from shared.observability import metrics
from shared.observability.instruments import Reading
from shared.preflight import Check, folder_checks
from shared.runtime import Loop, Service

TIDY_S = 60.0
"""Between two looks for old versions, which cost a read of each."""


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    settings = Settings.load()
    section = settings.output
    bus = build_bus(settings.nats, "writing", state=settings.state.folder)
    folders = tuple(section.folder / name for name in settings.collections)
    served = [_collection(settings, bus, name) for name in settings.collections]
    writers = [one.writer for one in served]
    pull = Pull(section.micro_batch_max, section.micro_batch_wait_s)

    @asynccontextmanager
    async def resources() -> AsyncIterator[Sequence[Loop]]:
        for name in settings.collections:
            claim_folder(section.folder / name, name)
        for writer in writers:
            await writer.refresh_figures()
            bus.broker.include_router(build_router(bus.settler, writer, pull))
        working = [loop for one in served for loop in one.loops]
        yield (*working, *(one.end_if_foreign for one in writers))
        for one in served:
            await bus.publisher.publish_steps(one.files.publish())

    return Service(
        name="writing",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        durables=(WRITING_READS_PROJECTION,),
        owns=folders,
        disks={"state": settings.state.folder, "output": section.folder},
        checks=tuple(chain.from_iterable(map(_checks, folders))),
        resources=resources,
        told=lambda common: WritingStatus(
            **common, collections={one.collection: one.figures for one in writers}
        ),
        gauges=lambda: [
            read for one in writers for read in gauges(one, section.folder / one.collection)
        ],
    )


def _checks(folder: Path) -> Iterable[Check]:
    return folder_checks(folder, "output.folder (--output)", has_links=True)


@dataclass(frozen=True, slots=True)
class Served:
    """The parts of one collection."""

    writer: Writer
    files: PublicFiles
    loops: Sequence[Loop]


def _collection(settings: Settings, bus: Bus, collection: str) -> Served:
    section = settings.output
    folder = section.folder / collection
    clock = SystemClock()
    store = LanceDatasetStore(
        folder, compact_every=section.compact_every, keep_versions_s=section.keep_versions_s
    )
    models = JsonModelArchive(folder / "models", keep=section.keep_models)
    writer = Writer(
        collection,
        store=store,
        models=models,
        handover=BusHandover(bus, PROJECTION_READS_RETRACTIONS, collection),
        clock=clock,
    )
    files = PublicFiles(
        writer,
        store=store,
        models=models,
        output=ParquetOutputWriter(folder, has_embeddings=section.embeddings),
        budget=SnapshotBudget(
            section.snapshot_share, section.snapshot_min_interval_s, section.snapshot_quiet
        ),
        clock=clock,
        is_idle=partial(_is_idle, bus, collection),
    )
    tidy_every_s = min(TIDY_S, max(1.0, section.keep_versions_s))
    loops = (
        partial(move_to_new_models, writer),
        partial(tidy_up, store, models, tidy_every_s),
        partial(keep_files_fresh, files, bus.publisher),
        writer.end_if_foreign,
    )
    return Served(writer, files, loops)


async def _is_idle(bus: Bus, collection: str) -> bool:
    """Tell whether no batch of a collection is on its way."""
    return await total_backlog(bus.js, BATCHES_ON_THEIR_WAY, (collection,)) == 0


def gauges(writer: Writer, folder: Path) -> Iterator[Reading]:
    """Tell the state of one collection to Prometheus."""
    name, told, size = writer.collection, writer.figures, DatasetSize(folder)
    is_blocked = told.blocked is not None
    yield metrics.BLOCKED.read(is_blocked, stage="writing", collection=name)
    yield metrics.FILES_FRESH.read(told.is_fresh, collection=name)
    yield metrics.DATASET_ROWS.read(told.rows, collection=name)
    yield metrics.DATASET_VERSION.read(told.dataset_version, collection=name)
    yield metrics.WRITTEN_MODEL.read(told.model_version, collection=name)
    yield metrics.DATASET_KEPT.read(size.kept_versions(), collection=name)
    for part, count in size.parts().items():
        yield metrics.DATASET_BYTES.read(count, collection=name, part=part)
