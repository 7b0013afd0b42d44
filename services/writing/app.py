"""Composition root: knows which adapter fills which port, as ``terminal.py`` does beside it."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import chain
from pathlib import Path

from anyio import to_thread

from services.writing import __doc__ as about
from services.writing.adapters.dataset_removal import remove_folder
from services.writing.adapters.dataset_size import DatasetSize
from services.writing.adapters.json_history import JsonHistoryKeeper
from services.writing.adapters.json_identity import claim_folder
from services.writing.adapters.json_model_archive import JsonModelArchive
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.adapters.lance_stored_rows import LanceStoredRows
from services.writing.adapters.parquet_output_writer import ParquetOutputWriter
from services.writing.adapters.sqlite_staging import SqliteStaging
from services.writing.domain.budget import SnapshotBudget
from services.writing.handlers.origin import DatasetOrigin
from services.writing.handlers.public_files import PublicFiles
from services.writing.handlers.receiving import Receiver
from services.writing.handlers.room import RoomTeller
from services.writing.handlers.stored import Stored
from services.writing.handlers.writer import Writer
from services.writing.loops import finish, keep_files_fresh, move_to_new_models, tidy_up
from services.writing.settings import Settings
from services.writing.subscribers import build_router
from shared.assignments import Activity, Loop, Resources
from shared.bus.answering import answer_about
from shared.bus.broker import Bus, build_bus
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.handover import BusHandover
from shared.bus.registry.durables import (
    BATCHES_ON_THEIR_WAY,
    PROJECTION_READS_RETRACTIONS,
    WRITING_READS_PROJECTION,
)
from shared.bus.registry.questions import (
    DATASET_HISTORY,
    DATASET_MODELS,
    DATASET_ROOM,
    DATASET_SOURCES,
    DATASET_VECTORS,
)
from shared.bus.topology import total_backlog
from shared.clock import SystemClock
from shared.contracts.statuses import Common, WritingStatus
from shared.disk_room import when_there_is_room
from shared.locking import exclusive_owner
from shared.observability import metrics
from shared.observability.instruments import Reading
from shared.preflight import Check, folder_checks
from shared.runtime import Service

TIDY_S = 60.0
"""Between two looks for old versions, which cost a read of each."""


class Writing:
    """The parts of the running service."""

    def __init__(self, settings: Settings, bus: Bus) -> None:
        self._section = settings.output
        self._bus = bus
        self._clock = SystemClock()
        self._writers: dict[str, Writer] = {}

    def owns_for(self, collection: str) -> tuple[Path, ...]:
        """Name the folder of a collection."""
        return (self._section.folder / collection,)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Resources]:
        """Tell how a collection is opened, and removed; there is nothing else."""
        yield Resources(open=self._collection, remove=self._remove)

    async def _remove(self, name: str) -> None:
        folder = self._section.folder / name
        if await to_thread.run_sync(folder.exists):
            async with exclusive_owner(folder):
                await to_thread.run_sync(remove_folder, folder, name)

    @asynccontextmanager
    async def _collection(self, name: str) -> AsyncIterator[Activity]:
        section, publisher = self._section, self._bus.publisher
        folder = section.folder / name
        claim = partial(to_thread.run_sync, claim_folder, folder, name)
        await when_there_is_room(f"claiming {folder}", claim)
        store = LanceDatasetStore(
            folder, compact_every=section.compact_every, keep_versions_s=section.keep_versions_s
        )
        models = JsonModelArchive(folder / "models", keep=section.keep_models)
        staging = SqliteStaging(folder)
        writer = Writer(
            name,
            store=store,
            staging=staging,
            models=models,
            handover=BusHandover(self._bus, PROJECTION_READS_RETRACTIONS, name),
            clock=self._clock,
        )
        origin = DatasetOrigin(name, store=store, keeper=JsonHistoryKeeper(folder))
        await when_there_is_room(f"opening the history of {folder}", origin.open)
        receiver = Receiver(writer, origin, self._clock)
        stored = Stored(LanceStoredRows(folder, store), staging, writer.writing)
        files = self._files(writer, store, models)
        files.opening_at = origin.opening_at
        await writer.refresh_figures()
        pull = Pull(section.micro_batch_max, section.micro_batch_wait_s)
        tidy_every_s = min(TIDY_S, max(1.0, section.keep_versions_s))
        self._writers[name] = writer
        try:
            yield Activity(
                routers=(build_router(self._bus.settler, receiver, pull),),
                loops=(
                    partial(move_to_new_models, writer),
                    partial(tidy_up, store, models, tidy_every_s),
                    partial(keep_files_fresh, files, publisher),
                    writer.end_if_foreign,
                    *self._answers(name, origin, stored),
                    self._answer_of_room(name, store),
                ),
                finish=partial(finish, writer, files, models),
            )
        finally:
            del self._writers[name]
            await staging.close()

    def _answers(self, name: str, origin: DatasetOrigin, stored: Stored) -> Iterable[Loop]:
        """Answer what ledger and projection ask about the dataset."""
        about = partial(answer_about, self._bus.connect, name)
        return (
            partial(about, DATASET_HISTORY, origin.compare),
            partial(about, DATASET_SOURCES, stored.sources),
            partial(about, DATASET_VECTORS, stored.vectors),
            partial(about, DATASET_MODELS, stored.models),
        )

    def _answer_of_room(self, name: str, store: LanceDatasetStore) -> Loop:
        """Answer whether there is room for a version that replaces another one."""
        teller = RoomTeller(store, DatasetSize(self._section.folder / name).free_bytes)
        return partial(answer_about, self._bus.connect, name, DATASET_ROOM, teller.tell)

    def _files(
        self, writer: Writer, store: LanceDatasetStore, models: JsonModelArchive
    ) -> PublicFiles:
        section, name = self._section, writer.collection
        output = ParquetOutputWriter(section.folder / name, has_embeddings=section.embeddings)
        return PublicFiles(
            writer,
            store=store,
            models=models,
            output=output,
            budget=SnapshotBudget(
                section.snapshot_share, section.snapshot_min_interval_s, section.snapshot_quiet
            ),
            clock=self._clock,
            is_idle=partial(_is_idle, self._bus, name),
        )

    def told(self, common: Common) -> WritingStatus:
        """Tell what the dataset of every collection holds."""
        told = {name: one.figures for name, one in self._writers.items()}
        return WritingStatus(**common, collections=told)

    def gauges(self) -> Iterator[Reading]:
        """Tell the same to Prometheus."""
        for name, one in list(self._writers.items()):
            yield from gauges(one, self._section.folder / name)


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    settings = Settings.load()
    bus = build_bus(settings.nats, "writing", state=settings.state.folder)
    writing = Writing(settings, bus)
    folders = chain.from_iterable(map(writing.owns_for, settings.collections))
    return Service(
        name="writing",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        durables=(WRITING_READS_PROJECTION,),
        owns_for=writing.owns_for,
        shares=(settings.state.folder / "writing",),
        disks={"state": settings.state.folder, "output": settings.output.folder},
        checks=tuple(chain.from_iterable(map(_checks, folders))),
        resources=writing.open,
        told=writing.told,
        gauges=writing.gauges,
    )


def _checks(folder: Path) -> Iterable[Check]:
    return folder_checks(folder, "output.folder (--output)", has_links=True)


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
