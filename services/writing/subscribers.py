"""The shell: from points and models on the bus to the handlers and back."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pyarrow as pa
import structlog
from pydantic import ValidationError

from services.writing.handlers.models import ModelApplied, accept_model, apply_newest, held_model
from services.writing.handlers.write import (
    WritePlan,
    Written,
    commit_write,
    plan_write,
    retractions,
)
from services.writing.ports import DatasetStore, ModelArchive, Retraction
from shared.bus.channels import (
    MAP_POINTS,
    PROJECTION_MODEL,
    WRITING_COMMITTED,
    WRITING_RETRACTION,
)
from shared.bus.dead_letters import outgoing_dead_letter
from shared.bus.durables import (
    WRITING_READS_PROJECTION,
)
from shared.bus.handover import BusHandover
from shared.bus.outgoing import Outgoing, outgoing_batch, outgoing_event
from shared.bus.received import Delivery
from shared.bus.subscriptions import Subscriber
from shared.clock import Clock
from shared.contracts.batches import (
    FORGOTTEN_KEY,
    RECORD_SCHEMA,
    Batch,
    decode,
    encode,
    encode_rows,
    require_columns,
    vector_array,
)
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.projection import ProjectionModel
from shared.errors import InvalidMessage, TransientError
from shared.observability import tracing
from shared.observability.tracing import Trace

STAGE = "writing"
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
        self._figures: dict[str, Any] = {}

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
    def figures(self) -> Mapping[str, Any]:
        """What the service tells about the collection."""
        return self._figures | {"is_fresh": self.freshness.is_fresh}

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
            self._figures["blocked"] = str(error)
            raise
        await self.refresh_figures()
        return outgoing

    async def write(self, batches: Sequence[Batch]) -> Iterable[Outgoing]:
        """Write a run of batches; what leaves the map has left the moments before it is gone.

        Raises:
            TransientError: It could not be written, or projection does not take it out.
        """
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
        except InvalidMessage as error:
            log.error("model.buried", version=model.version, reason=str(error))  # noqa: TRY400
            return [outgoing_dead_letter(_dead_model(model, str(error)))]
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

    async def refresh_figures(self) -> None:
        """Note what the store holds now."""
        state = await self._store.state()
        model = await held_model(store=self._store, models=self._models)
        self._figures = {
            "rows": state.rows,
            "dataset_version": state.dataset_version,
            "model_version": model.version if model else 0,
            "blocked": None,
        }

    def _news(self, plan: WritePlan, written: Written) -> Iterator[Outgoing]:
        for batch, error in plan.invalid:
            log.error("batch.buried", file=batch.descriptor.filename, reason=str(error))
            yield outgoing_dead_letter(_dead_batch(batch, str(error)))
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


def decode_message(delivery: Delivery) -> Batch | ProjectionModel:
    """Read a batch or a model.

    Raises:
        InvalidMessage: It is neither, or of another collection than its subject.
    """
    collection = delivery.subject.rsplit(".", 1)[-1]
    if delivery.subject == PROJECTION_MODEL.subject(collection):
        try:
            return ProjectionModel.model_validate_json(delivery.body)
        except ValidationError as error:
            raise InvalidMessage(f"the model cannot be read: {error}") from error
    batch = decode(delivery.body)
    require_columns(batch.rows, RECORD_SCHEMA)
    if batch.descriptor.collection != collection:
        raise InvalidMessage(f"a batch of collection '{batch.descriptor.collection}'")
    return batch


def _dead_batch(batch: Batch, reason: str) -> DeadLetter:
    facts = batch.descriptor
    return DeadLetter(
        key=facts.delivery_id,
        stage=STAGE,
        collection=facts.collection,
        reason=reason,
        body=encode(batch),
        records=len(batch),
        filename=facts.filename,
        source_id=facts.source_id,
        source_version=facts.source_version,
        batch_id=facts.batch_id,
    )


def _dead_model(model: ProjectionModel, reason: str) -> DeadLetter:
    return DeadLetter(
        key=f"model:{model.version}",
        stage=STAGE,
        collection=model.collection,
        reason=reason,
        body=model.model_dump_json().encode(),
        records=0,
    )
