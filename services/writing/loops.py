"""What the service does by itself: it moves the map to new models, and keeps the files fresh."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import structlog

from services.writing.domain.budget import SnapshotBudget
from services.writing.handlers.publish import publish
from services.writing.ports import DatasetStore, ModelArchive, OutputWriter
from services.writing.subscribers.collection import CollectionShell, Freshness
from shared.bus.messages.outgoing import outgoing_event
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.channels import WRITING_PUBLISHED
from shared.clock import Clock
from shared.contracts.writing import MeasuredMovement
from shared.errors import TransientError
from shared.observability import metrics, tracing
from shared.observability.steps import step
from shared.waits import WAITS

if TYPE_CHECKING:
    from services.writing.handlers.models import ModelApplied

AFTER_FAILURE_S = 2.0
LOOK_EVERY_S = 0.2
"""How often a look is taken, while files wait for their share of the time, for other work."""
MOVING = "moving the map to a new model"
TIDYING = "deleting old versions"
PUBLISHING = "writing the public files"
log = structlog.get_logger(__name__)


class MovingLoop:
    """Moves the map of one collection to every new model, while batches go on being written."""

    def __init__(self, shell: CollectionShell) -> None:
        self._shell = shell
        self._applied: ModelApplied | None = None

    async def run(self) -> None:
        """Move whenever there is a newer model, until cancelled."""
        self._shell.has_new_model.set()
        while True:
            await self._shell.has_new_model.wait()
            self._shell.has_new_model.clear()
            try:
                with step("move"):
                    applied = await self._shell.move()
            except TransientError as error:
                log.error("model.postponed", error=str(error))  # noqa: TRY400
                WAITS.failed(MOVING, error)
                await asyncio.sleep(AFTER_FAILURE_S)
                self._shell.has_new_model.set()
                continue
            WAITS.over(MOVING)
            if applied:
                self._applied = applied
                log.info(
                    "model.applied",
                    collection=self._shell.collection,
                    version=applied.version,
                    **asdict(applied.displacement),
                )

    def take_movement(self, version: int | None) -> MeasuredMovement | None:
        """Return how far the points moved to this version, once."""
        applied = self._applied
        if applied is None or applied.version != version:
            return None
        self._applied = None
        moved = applied.displacement
        return MeasuredMovement(
            points=moved.points,
            rms=moved.root_mean_square,
            median=moved.median,
            p95=moved.p95,
            largest=moved.max,
        )


class TidyLoop:
    """Deletes what of one collection is no longer to be kept."""

    def __init__(self, store: DatasetStore, models: ModelArchive, every_s: float) -> None:
        self._store = store
        self._models = models
        self._every_s = every_s

    async def run(self) -> None:
        """Tidy up now and then, until cancelled."""
        while True:
            await asyncio.sleep(self._every_s)
            try:
                await self.tidy()
            except TransientError as error:
                log.warning("tidying.failed", error=str(error))
                WAITS.failed(TIDYING, error)
            else:
                WAITS.over(TIDYING)

    async def tidy(self) -> None:
        """Tidy up once.

        Raises:
            TransientError: Store or archive could not be read or written.
        """
        await self._store.forget_versions()
        held = (await self._store.state()).model_version
        if held is not None:
            await self._models.forget_before(held)


class SnapshotLoop:
    """Publishes one collection's files whenever they are stale and it is their turn."""

    def __init__(  # noqa: PLR0913  what the handler asks for
        self,
        collection: str,
        *,
        store: DatasetStore,
        models: ModelArchive,
        output: OutputWriter,
        freshness: Freshness,
        budget: SnapshotBudget,
        publisher: Publisher,
        clock: Clock,
        moving: MovingLoop,
        is_idle: Callable[[], Awaitable[bool]],
    ) -> None:
        self._moving = moving
        self._is_idle = is_idle
        self._collection = collection
        self._store = store
        self._models = models
        self._output = output
        self._freshness = freshness
        self._budget = budget
        self._publisher = publisher
        self._clock = clock
        self._next_s = 0.0
        self._took_s = 0.0

    async def run(self) -> None:
        """Publish when it is due, until cancelled."""
        self._freshness.want()
        while True:
            await self._freshness.wanted.wait()
            await self._turn()
            self._freshness.wanted.clear()
            self._freshness.waived.clear()
            try:
                with tracing.span("snapshot", links=self._freshness.take_causes()):
                    await self.publish()
            except TransientError as error:
                log.error("snapshot.failed", collection=self._collection, error=str(error))  # noqa: TRY400
                WAITS.failed(PUBLISHING, error)
                await asyncio.sleep(AFTER_FAILURE_S)
                self._freshness.want()
            else:
                WAITS.over(PUBLISHING)

    async def _turn(self) -> None:
        """Wait until the share of time allows it, somebody waits, or there is nothing else to do.

        The share protects what is written meanwhile; when nothing is, it protects nobody.
        """
        changes, since_s = self._freshness.changes, self._clock.monotonic()
        while (left_s := self._next_s - self._clock.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, LOOK_EVERY_S)):
                    await self._freshness.waived.wait()
                return
            now_s = self._clock.monotonic()
            if self._freshness.changes != changes:
                changes, since_s = self._freshness.changes, now_s
            elif now_s - since_s >= self._budget.quiet_s(self._took_s) and await self._is_idle():
                return

    async def publish(self) -> None:
        """Write the files if they are stale.

        Raises:
            TransientError: They could not be written; the old ones stay.
        """
        started_s = self._clock.monotonic()
        event = await publish(
            self._collection,
            store=self._store,
            models=self._models,
            output=self._output,
            clock=self._clock,
        )
        ended_s = self._clock.monotonic()
        self._took_s = ended_s - started_s
        self._next_s = self._budget.next_start_s(ended_s, self._took_s)
        self._freshness.is_fresh = not self._freshness.wanted.is_set()
        if event:
            metrics.STEPS.observe(event.seconds, step="snapshot")
            metrics.FILES_PUBLISHED.set(event.occurred_at.timestamp(), collection=self._collection)
            movement = self._moving.take_movement(event.model_version)
            event = event.model_copy(update={"movement": movement})
            log.info(
                "files.published",
                collection=self._collection,
                records=event.records,
                model_version=event.model_version,
                seconds=round(event.seconds, 3),
            )
            await self._publisher.publish(outgoing_event(WRITING_PUBLISHED, event))
