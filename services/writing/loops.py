"""What the service does by itself: it moves the map to new models, and keeps the files fresh."""

import asyncio
from functools import partial

import structlog

from services.writing.handlers.public_files import PublicFiles
from services.writing.handlers.retention import forget_old
from services.writing.handlers.writer import Writer
from services.writing.ports import DatasetStore, ModelArchive
from shared.bus.publishing.publisher import Publisher
from shared.errors import TransientError
from shared.observability import tracing
from shared.observability.steps import step
from shared.waits import WAITS

AFTER_FAILURE_S = 2.0
LOOK_S = 0.05
TIMES = 2
"""A look asks for two things one after the other."""
MOVING = "moving the map to a new model"
TIDYING = "deleting old versions"
PUBLISHING = "writing the public files"
log = structlog.get_logger(__name__)


async def move_to_new_models(writer: Writer) -> None:
    """Move the map to every newer model, while batches go on being written, for ever."""
    writer.has_new_model.set()
    while True:
        await writer.has_new_model.wait()
        writer.has_new_model.clear()
        tell = partial(log.error, "model.postponed")
        with WAITS.retrying(MOVING, tell) as attempt, step("move"):
            await writer.move()
        if attempt.has_failed:
            await asyncio.sleep(AFTER_FAILURE_S)
            writer.has_new_model.set()


async def finish(writer: Writer, files: PublicFiles, models: ModelArchive) -> None:
    """Return when the map has the newest model, and the files show it."""
    times = 0
    while times < TIMES:
        await asyncio.sleep(LOOK_S)
        try:
            newest = await models.newest()
        except TransientError:
            times = 0
            continue
        is_moved = newest is None or newest.version <= writer.figures.model_version
        times = times + 1 if is_moved and files.trigger.is_fresh else 0


async def tidy_up(store: DatasetStore, models: ModelArchive, every_s: float) -> None:
    """Delete what is no longer to be kept, now and then, for ever."""
    while True:
        await asyncio.sleep(every_s)
        with WAITS.retrying(TIDYING, partial(log.warning, "tidying.failed")):
            await forget_old(store, models)


async def keep_files_fresh(files: PublicFiles, publisher: Publisher) -> None:
    """Write the public files whenever they are stale and it is their turn, for ever."""
    files.trigger.request()
    while True:
        await files.trigger.requested.wait()
        await files.turn()
        tell = partial(log.error, "snapshot.failed", collection=files.collection)
        span = tracing.span("snapshot", links=files.trigger.take())
        with WAITS.retrying(PUBLISHING, tell) as attempt, span:
            await publisher.publish_steps(files.publish())
        if attempt.has_failed:
            await asyncio.sleep(AFTER_FAILURE_S)
            files.trigger.request()
