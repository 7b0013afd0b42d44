"""Keeps the public files of one collection fresh, within their share of the time."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from services.writing.domain.budget import SnapshotBudget
from services.writing.handlers.publish import publish
from services.writing.handlers.writer import Writer
from services.writing.ports import DatasetStore, ModelArchive, OutputWriter, PublishedFiles
from shared.bus.messages.outgoing import Steps, outgoing_event
from shared.bus.registry.writing import WRITING_PUBLISHED
from shared.clock import Clock
from shared.contracts.writing import WritingPublished
from shared.failpoints import Failpoint, reached
from shared.observability import metrics

LOOK_EVERY_S = 0.2
"""How often a look is taken, while files wait for their share of the time, for other work."""
log = structlog.get_logger(__name__)


class PublicFiles:
    """The files of one collection, and when it is their turn."""

    def __init__(  # noqa: PLR0913  what writing the files asks for
        self,
        writer: Writer,
        *,
        store: DatasetStore,
        models: ModelArchive,
        output: OutputWriter,
        budget: SnapshotBudget,
        clock: Clock,
        is_idle: Callable[[], Awaitable[bool]],
    ) -> None:
        """Take what it needs.

        Args:
            writer: Knows what changed, and how far the points moved.
            store: The dataset.
            models: The models.
            output: The files.
            budget: Which share of the time writing them may take.
            clock: Measures that.
            is_idle: Tells whether no batch is on its way.
        """
        self.collection = writer.collection
        self._writer = writer
        self.trigger = writer.snapshots
        self._store = store
        self._models = models
        self._output = output
        self._budget = budget
        self._clock = clock
        self._is_idle = is_idle
        self.opening_at: Callable[[int], str] | None = None
        """Tells a dataset's version from one of the same number that is gone."""
        self._next_s = 0.0
        self._took_s = 0.0

    async def turn(self) -> None:
        """Wait until the share of time allows it, somebody waits, or there is nothing else to do.

        The share protects what is written meanwhile; when nothing is, it protects nobody.
        """
        changes, since_s = self.trigger.changes, self._clock.monotonic()
        while (left_s := self._next_s - self._clock.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, LOOK_EVERY_S)):
                    await self.trigger.is_urgent.wait()
                return
            now_s = self._clock.monotonic()
            if self.trigger.changes != changes:
                changes, since_s = self.trigger.changes, now_s
            elif now_s - since_s >= self._budget.quiet_s(self._took_s) and await self._is_idle():
                return

    async def publish(self) -> Steps:
        """Write the files if they are stale, and tell that; what was not told is told again.

        Raises:
            TransientError: They could not be written, and the old ones stay; or it could not be
                noted that they were told.
        """
        started_s = self._clock.monotonic()
        event = await publish(
            self.collection,
            store=self._store,
            models=self._models,
            output=self._output,
            clock=self._clock,
        )
        ended_s = self._clock.monotonic()
        self._took_s = ended_s - started_s
        self._next_s = self._budget.next_start_s(ended_s, self._took_s)
        self.trigger.is_fresh = not self.trigger.requested.is_set()
        if event is None:
            return
        metrics.STEPS.observe(event.seconds, step="snapshot")
        metrics.FILES_PUBLISHED.set(event.occurred_at.timestamp(), collection=self.collection)
        movement = self._writer.movement_to(event.model_version)
        log.info(
            "files.published",
            collection=self.collection,
            records=event.records,
            model_version=event.model_version,
            seconds=round(event.seconds, 3),
        )
        told = event.model_copy(update={"movement": movement, "id": self._id_of(event)})
        reached(Failpoint.FILES_PUBLISHED)
        yield [outgoing_event(WRITING_PUBLISHED, told)]
        self._writer.movement_was_told(event.model_version)
        files = PublishedFiles(event.dataset_version, event.model_version, event.records)
        await self._output.note_told(files)

    def _id_of(self, event: WritingPublished) -> str:
        opening_at = self.opening_at
        return f"{event.id}:{opening_at(event.dataset_version)}" if opening_at else event.id
