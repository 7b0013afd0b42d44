"""What the service does by itself: it keeps the public files fresh, within its share of time."""

import asyncio
import contextlib

import structlog

from services.writing import handlers
from services.writing.domain.budget import SnapshotBudget
from services.writing.ports import DatasetStore, ModelArchive, OutputWriter
from services.writing.subscribers import Freshness
from shared.bus.channels import WRITING_PUBLISHED
from shared.bus.outgoing import outgoing_event
from shared.bus.publisher import Publisher
from shared.clock import Clock
from shared.errors import TransientError

AFTER_FAILURE_S = 2.0
log = structlog.get_logger(__name__)


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
    ) -> None:
        self._collection = collection
        self._store = store
        self._models = models
        self._output = output
        self._freshness = freshness
        self._budget = budget
        self._publisher = publisher
        self._clock = clock
        self._next_s = 0.0

    async def run(self) -> None:
        """Publish when it is due, until cancelled."""
        self._freshness.want()
        while True:
            await self._freshness.wanted.wait()
            with contextlib.suppress(TimeoutError):
                remaining_s = max(0.0, self._next_s - self._clock.monotonic())
                await asyncio.wait_for(self._freshness.waived.wait(), remaining_s)
            self._freshness.wanted.clear()
            self._freshness.waived.clear()
            try:
                await self.publish()
            except TransientError as error:
                log.error("snapshot.failed", collection=self._collection, error=str(error))  # noqa: TRY400
                await asyncio.sleep(AFTER_FAILURE_S)
                self._freshness.want()

    async def publish(self) -> None:
        """Write the files if they are stale.

        Raises:
            TransientError: They could not be written; the old ones stay.
        """
        started_s = self._clock.monotonic()
        event = await handlers.publish(
            self._collection,
            store=self._store,
            models=self._models,
            output=self._output,
            clock=self._clock,
        )
        ended_s = self._clock.monotonic()
        self._next_s = self._budget.next_start_s(ended_s, ended_s - started_s)
        self._freshness.is_fresh = not self._freshness.wanted.is_set()
        if event:
            log.info(
                "files.published",
                collection=self._collection,
                records=event.records,
                model_version=event.model_version,
                seconds=round(event.seconds, 3),
            )
            await self._publisher.publish(outgoing_event(WRITING_PUBLISHED, event))
