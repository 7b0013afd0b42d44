"""Writes one collection: what is stored, what is told of it, and when the map moves."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict

import structlog

from services.writing.handlers.models import (
    STAGE,
    ForeignStateError,
    ModelApplied,
    accept_model,
    apply_newest,
    dead_model,
    held_model,
)
from services.writing.handlers.retractions import outgoing_retraction
from services.writing.handlers.snapshot_trigger import SnapshotTrigger
from services.writing.handlers.write import (
    WritePlan,
    Written,
    commit_write,
    plan_write,
    retractions,
)
from services.writing.handlers.yielding_lock import YieldingLock
from services.writing.ports import DatasetStore, Handover, ModelArchive, Staging
from shared.bus.messages.outgoing import Outgoing, Steps, outgoing_batch, outgoing_event
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.registry.batches import MAP_POINTS
from shared.bus.registry.writing import MAP_REMOVED, WRITING_COMMITTED, WRITING_SETTLED
from shared.clock import Clock
from shared.contracts.batches import Batch, BatchDescriptor
from shared.contracts.dead_batches import dead_batch
from shared.contracts.projection import ProjectionModel
from shared.contracts.statuses import DatasetFigures
from shared.contracts.writing import MeasuredMovement
from shared.errors import ConfigurationError, InvalidMessage, TransientError
from shared.failpoints import Failpoint, reached
from shared.observability import tracing

AUTOMATIC = frozenset({"first", "threshold", "drift"})
log = structlog.get_logger(__name__)


class Writer:
    """Serves one collection."""

    def __init__(
        self,
        collection: str,
        *,
        store: DatasetStore,
        staging: Staging,
        models: ModelArchive,
        handover: Handover,
        clock: Clock,
    ) -> None:
        self.collection = collection
        self.snapshots = SnapshotTrigger()
        self.has_new_model = asyncio.Event()
        self._is_awaited = False
        """Whether somebody waits for the files of a model that is still to be applied."""
        self.writing = asyncio.Lock()
        """Held from when vectors leave the moments until their rows have left the map."""
        self._store = store
        self._staging = staging
        self._models = models
        self._handover = handover
        self._clock = clock
        self._applied: ModelApplied | None = None
        """A model whose movement was not told yet."""
        self._figures = DatasetFigures()
        self._foreign: ForeignStateError | None = None
        """Why nothing is written any more."""
        self._is_foreign = asyncio.Event()

    @property
    def figures(self) -> DatasetFigures:
        """What the service tells about the collection."""
        return self._figures.model_copy(update={"is_fresh": self.snapshots.is_fresh})

    def tell_blocked(self, error: TransientError) -> None:
        """Note what keeps messages from being written; it is over when some are."""
        self._figures = self._figures.model_copy(update={"blocked": str(error)})

    async def holds(self, facts: BatchDescriptor) -> bool:
        """Tell whether a batch is stored in its version, or waits beside what is.

        Raises:
            TransientError: Store or staging could not be read.
        """
        stored = (await self._store.state()).sources.get(facts.source_id)
        if stored and stored.batches.get(facts.batch_id) == facts.source_version:
            return True
        waits = (await self._staging.held()).get(facts.source_id)
        key = facts.batch_id, facts.source_version
        return waits is not None and key in {(one, waits.version) for one in waits.batches}

    async def take(self, messages: Sequence[Batch | ProjectionModel]) -> Steps:
        """Keep models, then write batches: one may have come before the model that it needs.

        Raises:
            TransientError: It could not be done now; what was done is harmless when repeated.
        """
        outgoing: list[Outgoing] = []
        settled: list[Outgoing] = []
        batches = [one for one in messages if isinstance(one, Batch)]
        try:
            for one in messages:
                if isinstance(one, ProjectionModel):
                    outgoing += await self._accept(one)
            if batches:
                plan, written = await self._write(batches)
                outgoing += _news(plan, written)
                settled.append(outgoing_event(WRITING_SETTLED, written.settled))
        except TransientError as error:
            self.tell_blocked(error)
            raise
        await self.refresh_figures()
        yield outgoing
        if settled:
            # Last: who completes a source by it finds its points and its commit told.
            reached(Failpoint.TOLD)
            yield settled

    async def _write(self, batches: Sequence[Batch]) -> tuple[WritePlan, Written]:
        """Write a run of batches; what leaves the map has left the moments before it is gone.

        Raises:
            TransientError: It could not be written, or projection does not take it out.
        """
        if self._foreign is not None:
            raise self._foreign
        async with self.writing:
            stores = {"store": self._store, "staging": self._staging, "models": self._models}
            plan = await plan_write(batches, **stores)
            await self._handover.deliver(self._retractions(plan))
            written = await commit_write(plan, **stores, clock=self._clock)
            await self._store.maintain()
        self.snapshots.request()
        self.snapshots.caused_by(tracing.current())
        return plan, written

    async def _retractions(self, plan: WritePlan) -> AsyncIterator[Outgoing]:
        # What comes after its source was forgotten is to be forgotten as well.
        is_forgotten = plan.decided.has_stragglers or plan.has_lost_moves
        is_forgotten |= any(one.descriptor.is_forgotten for one in plan.batches)
        async for gone in retractions(plan, store=self._store, staging=self._staging):
            yield outgoing_retraction(self.collection, gone, is_forgotten=is_forgotten)

    async def _accept(self, model: ProjectionModel) -> Sequence[Outgoing]:
        """Keep a model, and have the map moved to it; one that cannot be is a dead letter."""
        try:
            await accept_model(model, store=self._store, models=self._models)
        except ForeignStateError as error:
            self._foreign = error
            self._is_foreign.set()
            raise
        except InvalidMessage as error:
            log.error("model.buried", version=model.version, reason=str(error))  # noqa: TRY400
            return [outgoing_dead_letter(dead_model(model, str(error)))]
        # Also when it is known already: the files may not show it yet, and somebody waits.
        self._is_awaited |= model.reason not in AUTOMATIC
        self.has_new_model.set()
        return []

    async def move(self) -> None:
        """Move the map to the newest model, giving way to batches after each piece of work.

        Then the files are requested, at once if somebody waits for them: written before, they
        would show the old map, and those of the new one would wait for their share of the time.

        Raises:
            TransientError: It could not be done now; the old model stays.
        """
        is_awaited, self._is_awaited = self._is_awaited, False
        try:
            async with YieldingLock(self.writing) as turn:
                applied = await apply_newest(
                    store=self._store, models=self._models, between=turn.give_way
                )
            await self.refresh_figures()
        except TransientError:
            self._is_awaited |= is_awaited
            raise
        self.snapshots.request(is_urgent=is_awaited)
        if applied:
            self._applied = applied
            log.info(
                "model.applied",
                collection=self.collection,
                version=applied.version,
                **asdict(applied.displacement),
            )

    def movement_to(self, version: int | None) -> MeasuredMovement | None:
        """Return how far the points moved to this version, until it was told."""
        applied = self._applied
        if applied is None or applied.version != version:
            return None
        moved = applied.displacement
        return MeasuredMovement(
            points=moved.points,
            rms=moved.root_mean_square,
            median=moved.median,
            p95=moved.p95,
            largest=moved.max,
        )

    def movement_was_told(self, version: int | None) -> None:
        """Tell how far the points moved to this version no more."""
        if self._applied and self._applied.version == version:
            self._applied = None

    async def end_if_foreign(self) -> None:
        """Wait for models of another state.

        Raises:
            ConfigurationError: They came.
        """
        await self._is_foreign.wait()
        raise ConfigurationError(f"collection {self.collection}: {self._foreign}")

    async def refresh_figures(self) -> None:
        """Note what the store holds now.

        Raises:
            TransientError: Store or archive could not be read.
        """
        state = await self._store.state()
        model = await held_model(store=self._store, models=self._models)
        self._figures = DatasetFigures(
            rows=state.rows,
            dataset_version=state.dataset_version,
            model_version=model.version if model else 0,
        )


def _news(plan: WritePlan, written: Written) -> Iterator[Outgoing]:
    for batch, error in plan.invalid:
        log.error("batch.buried", file=batch.descriptor.filename, reason=str(error))
        yield outgoing_dead_letter(dead_batch(batch, str(error), stage=STAGE))
    if written.removed:
        yield outgoing_event(MAP_REMOVED, written.removed)
    for points in written.points:
        yield outgoing_batch(MAP_POINTS, points)
    if written.committed:
        yield outgoing_event(WRITING_COMMITTED, written.committed)
