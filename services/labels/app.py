"""Composition root: the only module that knows which adapter fills which port."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from services.labels import __doc__ as about
from services.labels.adapters.parquet_map_files import ParquetMapFiles
from services.labels.adapters.process_region_finder import ProcessRegionFinder
from services.labels.handlers.labelling import Labelling
from services.labels.loops import follow_published, keep_labelled
from services.labels.settings import Settings
from shared.assignments import Resources
from shared.bus.broker import build_bus
from shared.bus.reading.labels import LabelLog
from shared.bus.reading.stream_reader import StreamReader
from shared.bus.registry.writing import WRITING_PUBLISHED
from shared.clock import SystemClock
from shared.runtime import Service


def build() -> Service:
    """Wire the service from its configuration; nothing connects until it runs.

    Raises:
        ConfigurationError: The configuration is wrong.
    """
    settings = Settings.load()
    section, folder = settings.labels, settings.output.folder
    bus = build_bus(settings.nats, "labels")

    @asynccontextmanager
    async def resources() -> AsyncIterator[Resources]:
        if section.share == 0:
            yield Resources()
            return
        client = await bus.connect()
        labelling = Labelling(
            ParquetMapFiles(folder),
            ProcessRegionFinder(
                folder, memory_mb=section.memory_mb, patience_s=section.patience_s
            ),
            LabelLog(client),
            SystemClock(),
            section.share,
        )
        published = (WRITING_PUBLISHED.every_subject,)
        reader = StreamReader(client, WRITING_PUBLISHED.stream, published)
        yield Resources(
            loops=(
                partial(follow_published, labelling, reader),
                partial(keep_labelled, labelling, bus.publisher),
            )
        )

    return Service(
        name="labels",
        about=about.split("\n", 1)[0],
        settings=settings,
        bus=bus,
        resources=resources,
    )
