"""The shell: from batches, retractions and commands on the bus to the handlers and back."""

from collections.abc import Iterable, Sequence

import structlog
from pydantic import ValidationError

from services.projection import handlers
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.ports import ProjectionStore
from shared.bus.channels import (
    COMMAND_REFIT,
    EMBEDDING_BATCH,
    PROJECTION_BATCH,
    PROJECTION_MODEL,
    PROJECTION_READS_BATCHES,
    PROJECTION_READS_REFITS,
    PROJECTION_READS_RETRACTIONS,
    PROJECTION_REJECTED,
    PROJECTION_UPDATED,
)
from shared.bus.dead_letters import outgoing_dead_letter
from shared.bus.outgoing import (
    MESSAGE_ID,
    Outgoing,
    outgoing_batch,
    outgoing_event,
    outgoing_message,
)
from shared.bus.publisher import Publisher
from shared.bus.received import Delivery
from shared.bus.subscriptions import Subscriber
from shared.clock import Clock
from shared.contracts.batches import (
    RECORD_SCHEMA,
    Batch,
    decode,
    decode_rows,
    require_columns,
    retraction_schema,
    vectors_of,
)
from shared.contracts.commands import Refit
from shared.contracts.projection import ProjectionRejected, ProjectionUpdated
from shared.errors import InvalidMessage

log = structlog.get_logger(__name__)


class CollectionShell:
    """Serves one collection."""

    def __init__(
        self,
        state: CollectionState,
        *,
        store: ProjectionStore,
        publisher: Publisher,
        clock: Clock,
        rules: handlers.Rules,
    ) -> None:
        self.state = state
        self._collection = state.collection
        self._store = store
        self._publisher = publisher
        self._clock = clock
        self._rules = rules

    def subscribe(self, subscriber: Subscriber, *, max_messages: int, max_wait_s: float) -> None:
        """Subscribe the handlers to the subjects of the collection."""
        subscriber.micro_batches(
            PROJECTION_READS_BATCHES,
            self._collection,
            decode_batch,
            self.on_batches,
            max_messages=max_messages,
            max_wait_s=max_wait_s,
        )
        subscriber.each(PROJECTION_READS_RETRACTIONS, self._collection, self.on_retraction)
        subscriber.each(PROJECTION_READS_REFITS, self._collection, self.on_refit)

    async def on_batches(self, batches: Sequence[Batch]) -> Iterable[Outgoing]:
        """Project a micro-batch; the new model, if any, goes before it."""
        async with self.state.publishing:
            result = await handlers.project(
                batches,
                state=self.state,
                store=self._store,
                clock=self._clock,
                rules=self._rules,
            )
            for letter in result.dead:
                log.error("batch.buried", file=letter.filename, reason=letter.reason)
            if result.model:
                await self.announce(result.model)
            await self._publisher.publish_all(map(outgoing_dead_letter, result.dead))
            await self._publisher.publish_all(
                outgoing_batch(PROJECTION_BATCH, batch) for batch in result.batches
            )
        return ()

    async def on_retraction(self, delivery: Delivery) -> Iterable[Outgoing]:
        """Take the vectors of a retraction out of the moments."""
        retractions = decode_retraction(delivery.body)
        await handlers.retract(retractions, state=self.state, store=self._store)
        return ()

    async def on_refit(self, delivery: Delivery) -> Iterable[Outgoing]:
        """Carry out a refit; a command that cannot be read is answered, not buried."""
        correlation_id = delivery.headers.get(MESSAGE_ID) or f"refit:{delivery.sequence}"
        try:
            command = Refit.model_validate_json(delivery.body or b"{}")
        except ValidationError as error:
            return [self._rejection(delivery, correlation_id, f"cannot be read: {error}")]
        if command.correlation_id is None:
            command = command.model_copy(update={"correlation_id": correlation_id})
        async with self.state.publishing:
            if self.state.model and self.state.model.correlation_id == command.correlation_id:
                return ()  # delivered again, after it was carried out
            model = await handlers.refit(
                command,
                state=self.state,
                store=self._store,
                clock=self._clock,
                rules=self._rules,
            )
            if model is None:
                reason = "there are no records to fit a model to"
                cause = command.correlation_id or correlation_id
                return [self._rejection(delivery, cause, reason)]
            await self.announce(model)
        return ()

    async def announce_pending(self) -> None:
        """Publish the models whose announcement a crash may have cut off.

        The current model goes to the writers again in any case: the bus may have lost it, and a
        writer ignores a model that it has.
        """
        for model in await self._store.unannounced(self._collection):
            await self.announce(model)
        if self.state.model:
            await self._publisher.publish(self._in_band(self.state.model))

    async def announce(self, model: ModelVersion) -> None:
        """Publish a model to the writers, in order with the batches, and to everybody."""
        await self._publisher.publish(self._in_band(model))
        event = ProjectionUpdated(
            id=f"projection.updated:{self._collection}:{model.version}",
            collection=self._collection,
            occurred_at=model.created_at,
            correlation_id=model.correlation_id,
            model=handlers.contract_of(self._collection, model),
        )
        await self._publisher.publish(outgoing_event(PROJECTION_UPDATED, event))
        await self._store.mark_announced(self._collection, model.version)
        log.info(
            "model.announced",
            collection=self._collection,
            version=model.version,
            reason=model.reason,
            records=model.record_count,
            explained_variance_ratio=model.explained_variance_ratio,
        )

    def _in_band(self, model: ModelVersion) -> Outgoing:
        return outgoing_message(
            PROJECTION_MODEL,
            self._collection,
            handlers.contract_of(self._collection, model),
            message_id=f"projection.model:{self._collection}:{model.version}",
        )

    def _rejection(self, delivery: Delivery, correlation_id: str, reason: str) -> Outgoing:
        log.warning("command.rejected", reason=reason)
        event = ProjectionRejected(
            id=f"projection.rejected:{correlation_id}:{delivery.sequence}",
            collection=self._collection,
            occurred_at=self._clock.now(),
            correlation_id=correlation_id,
            command=COMMAND_REFIT.subject(self._collection),
            reason=reason,
        )
        return outgoing_event(PROJECTION_REJECTED, event)


def decode_batch(delivery: Delivery) -> Batch:
    """Read a batch of vectors.

    Raises:
        InvalidMessage: It is none, or of another collection than its subject.
    """
    batch = decode(delivery.body)
    require_columns(batch.rows, RECORD_SCHEMA)
    if delivery.subject != EMBEDDING_BATCH.subject(batch.descriptor.collection):
        raise InvalidMessage(f"a batch of collection '{batch.descriptor.collection}'")
    _ = batch.vectors  # reading it checks the column
    return batch


def decode_retraction(body: bytes) -> list[handlers.Retraction]:
    """Read a retraction, one part per batch.

    Raises:
        InvalidMessage: It is none.
    """
    rows = decode_rows(body)
    if rows.schema.names != ["batch_id", "vector"]:
        raise InvalidMessage(
            f"a retraction has columns batch_id and vector, not {rows.schema.names}"
        )
    vectors = vectors_of(rows.column("vector"))
    require_columns(rows, retraction_schema(vectors.shape[1]))
    positions: dict[str, list[int]] = {}
    for position, batch_id in enumerate(rows.column("batch_id").to_pylist()):
        positions.setdefault(batch_id, []).append(position)
    return [handlers.Retraction(key, vectors[where]) for key, where in positions.items()]
