"""The shell of a collection: from points and models on the bus to the handlers and back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pyarrow as pa
import structlog

from services.writing.handlers.models import (
    ForeignStateError,
    ModelApplied,
    accept_model,
    apply_newest,
    held_model,
)
from services.writing.handlers.write import (
    WritePlan,
    Written,
    commit_write,
    plan_write,
    retractions,
)
from services.writing.ports import DatasetStore, ModelArchive, Retraction
from services.writing.subscribers.messages import dead_batch, dead_model, decode_message
from shared.bus.consuming.subscriptions import Subscriber
from shared.bus.handover import BusHandover
from shared.bus.messages.outgoing import Outgoing, outgoing_batch, outgoing_event
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.registry.channels import (
    MAP_POINTS,
    WRITING_COMMITTED,
    WRITING_RETRACTION,
)
from shared.bus.registry.durables import (
    WRITING_READS_PROJECTION,
)
from shared.clock import Clock
from shared.contracts.batches import (
    FORGOTTEN_KEY,
    Batch,
    encode_rows,
    vector_array,
)
from shared.contracts.projection import ProjectionModel
from shared.contracts.statuses import DatasetFigures
from shared.errors import ConfigurationError, InvalidMessage, TransientError
from shared.observability import tracing
from shared.observability.tracing import Trace

MOST_CAUSES = 128
"""OpenTelemetry keeps as many links of a span, unless told otherwise."""
AUTOMATIC = frozenset({"first", "threshold", "drift"})
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Freshness:
    """Whether the public files have to be written again."""

    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the dataset changed; cleared when the files are about to be written."""
    waived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the share of time does not count: somebody asked for a refit and waits for it."""
    is_fresh: bool = False
    changes: int = 0
    """How often the files were wanted: while it stays, nothing is written."""

    causes: deque[Trace] = field(default_factory=lambda: deque(maxlen=MOST_CAUSES))
    """Where in their traces the newest changes were made that the files do not show yet."""

    def changed_by(self, trace: Trace | None) -> None:
        """Note a change, if it is traced."""
        if trace is not None:
            self.causes.append(trace)

    def take_causes(self) -> list[Trace]:
        """Return the changes that the files are about to show, once."""
        causes = list(self.causes)
        self.causes.clear()
        return causes

    def want(self, *, is_waived: bool = False) -> None:
        """Have the files written again."""
        self.is_fresh = False
        self.changes += 1
        if is_waived:
            self.waived.set()
        self.wanted.set()


class CollectionShell:
    """Serves one collection."""

    def __init__(
        self,
        collection: str,
        *,
        store: DatasetStore,
        models: ModelArchive,
        handover: BusHandover,
        clock: Clock,
    ) -> None:
        self.collection = collection
        self.freshness = Freshness()
        self.has_new_model = asyncio.Event()
        self._is_awaited = False
        """Whether somebody waits for the files of a model that is still to be applied."""
        self._writing = asyncio.Lock()
        self._store = store
        self._models = models
        self._handover = handover
        self._clock = clock
        self._figures = DatasetFigures()
        self._foreign: ForeignStateError | None = None
        """Why nothing is written any more."""
        self._is_foreign = asyncio.Event()

    def subscribe(self, subscriber: Subscriber, *, max_messages: int, max_wait_s: float) -> None:
        """Subscribe to the batches and models of the collection."""
        subscriber.micro_batches(
            WRITING_READS_PROJECTION,
            self.collection,
            decode_message,
            self.on_messages,
            max_messages=max_messages,
            max_wait_s=max_wait_s,
        )

    @property
    def figures(self) -> DatasetFigures:
        """What the service tells about the collection."""
        return self._figures.model_copy(update={"is_fresh": self.freshness.is_fresh})

    async def on_messages(self, messages: Sequence[Batch | ProjectionModel]) -> Iterable[Outgoing]:
        """Write batches and keep models, in the order of the stream."""
        outgoing: list[Outgoing] = []
        try:
            for kind, run in groupby(messages, key=type):
                some = list(run)
                if kind is Batch:
                    outgoing += await self.write([one for one in some if isinstance(one, Batch)])
                else:
                    for model in some:
                        if isinstance(model, ProjectionModel):
                            outgoing += await self.accept(model)
        except TransientError as error:
            self._figures = self._figures.model_copy(update={"blocked": str(error)})
            raise
        await self.refresh_figures()
        return outgoing

    async def write(self, batches: Sequence[Batch]) -> Iterable[Outgoing]:
        """Write a run of batches; what leaves the map has left the moments before it is gone.

        Raises:
            TransientError: It could not be written, or projection does not take it out.
        """
        if self._foreign is not None:
            raise self._foreign
        async with self._writing:
            plan = await plan_write(batches, store=self._store, models=self._models)
            await self._handover.deliver(self._retractions(plan))
            written = await commit_write(
                plan, store=self._store, models=self._models, clock=self._clock
            )
            await self._store.maintain()
        self.freshness.want()
        self.freshness.changed_by(tracing.current())
        return self._news(plan, written)

    async def accept(self, model: ProjectionModel) -> Iterable[Outgoing]:
        """Keep a model, and have the map moved to it; one that cannot be applied is buried."""
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

    async def move(self) -> ModelApplied | None:
        """Move the map to the newest model, giving way to batches after each piece of work.

        Then the files are wanted, at once if somebody waits for them: written before, they would
        show the old map, and those of the new one would wait for their share of the time.

        Raises:
            TransientError: It could not be done now; the old model stays.
        """

        async def give_way() -> None:
            self._writing.release()
            await asyncio.sleep(0)
            await self._writing.acquire()

        is_awaited, self._is_awaited = self._is_awaited, False
        try:
            async with self._writing:
                applied = await apply_newest(
                    store=self._store, models=self._models, between=give_way
                )
            await self.refresh_figures()
        except TransientError:
            self._is_awaited |= is_awaited
            raise
        self.freshness.want(is_waived=is_awaited)
        return applied

    async def end_if_foreign(self) -> None:
        """Wait for models of another state.

        Raises:
            ConfigurationError: They came.
        """
        await self._is_foreign.wait()
        raise ConfigurationError(f"collection {self.collection}: {self._foreign}")

    async def refresh_figures(self) -> None:
        """Note what the store holds now."""
        state = await self._store.state()
        model = await held_model(store=self._store, models=self._models)
        self._figures = DatasetFigures(
            rows=state.rows,
            dataset_version=state.dataset_version,
            model_version=model.version if model else 0,
        )

    def _news(self, plan: WritePlan, written: Written) -> Iterator[Outgoing]:
        for batch, error in plan.invalid:
            log.error("batch.buried", file=batch.descriptor.filename, reason=str(error))
            yield outgoing_dead_letter(dead_batch(batch, str(error)))
        for points in written.points:
            yield outgoing_batch(MAP_POINTS, points)
        if written.committed:
            yield outgoing_event(WRITING_COMMITTED, written.committed)

    async def _retractions(self, plan: WritePlan) -> AsyncIterator[Outgoing]:
        is_forgotten = any(one.descriptor.is_forgotten for one in plan.batches)
        async for retraction in retractions(plan, store=self._store):
            yield self._retraction(retraction, is_forgotten)

    def _retraction(self, retraction: Retraction, is_forgotten: bool) -> Outgoing:  # noqa: FBT001
        column = vector_array(retraction.vectors)
        ids = pa.repeat(pa.scalar(retraction.batch_id), len(column))
        fields = [
            pa.field("batch_id", pa.string(), nullable=False),
            pa.field("vector", column.type, nullable=False),
        ]
        rows = pa.RecordBatch.from_arrays([ids, column], schema=pa.schema(fields))
        message_id = f"writing.retraction:{retraction.batch_id}"
        metadata = {}
        if is_forgotten:
            message_id, metadata = f"{message_id}:forgotten", {FORGOTTEN_KEY: b"true"}
        body = encode_rows(rows, metadata)
        return Outgoing(WRITING_RETRACTION, self.collection, message_id, body)
