"""Batches, retractions and models of one collection."""

from collections.abc import Iterable, Sequence
from itertools import chain

import structlog

from services.projection.domain.refits import HeldRefit, Rules
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.handlers import tell
from services.projection.handlers.project import project
from services.projection.handlers.refit import Outcome, Previewed, Rejected, refit, rollback
from services.projection.handlers.retract import Retraction, retract
from services.projection.handlers.tell import NOBODY, Asked
from services.projection.ports import ProjectionStore
from shared.bus.consuming.subscriptions import Subscriber
from shared.bus.messages.outgoing import Outgoing, outgoing_batch, outgoing_event, outgoing_message
from shared.bus.messages.received import Delivery
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.channels import (
    EMBEDDING_BATCH,
    PROJECTION_BATCH,
    PROJECTION_HELD,
    PROJECTION_MODEL,
    PROJECTION_PREVIEWED,
    PROJECTION_REJECTED,
    PROJECTION_UPDATED,
)
from shared.bus.registry.durables import (
    PROJECTION_READS_BATCHES,
    PROJECTION_READS_RETRACTIONS,
)
from shared.clock import Clock
from shared.contracts.batches import (
    FORGOTTEN_KEY,
    RECORD_SCHEMA,
    Batch,
    decode,
    decode_rows,
    require_columns,
    retraction_schema,
    vectors_of,
)
from shared.contracts.commands import Refit, Rollback
from shared.errors import InvalidMessage
from shared.failpoints import Failpoint, reached
from shared.observability.steps import step

FORGET = Refit(reason="forget", force=True)
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
        rules: Rules,
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
        subscriber.micro_batches(
            PROJECTION_READS_RETRACTIONS,
            self._collection,
            lambda delivery: decode_retraction(delivery.body),
            self.on_retractions,
            max_messages=max_messages,
            max_wait_s=0,
        )

    async def on_batches(self, batches: Sequence[Batch]) -> Iterable[Outgoing]:
        """Project a micro-batch; the new model, if any, goes before it."""
        async with self.state.publishing:
            with step("project"):
                result = await project(
                    batches,
                    state=self.state,
                    store=self._store,
                    clock=self._clock,
                    rules=self._rules,
                )
            for letter in result.dead:
                log.error("batch.buried", file=letter.filename, reason=letter.reason)
            await self.tell(result.model or result.held)
            await self._publisher.publish_all(
                [
                    *map(outgoing_dead_letter, result.dead),
                    *(outgoing_batch(PROJECTION_BATCH, batch) for batch in result.batches),
                ]
            )
        return ()

    async def on_retractions(self, messages: Sequence[Sequence[Retraction]]) -> Iterable[Outgoing]:
        """Take vectors out of the moments; whoever sent them waits for that."""
        await retract([*chain(*messages)], state=self.state, store=self._store)
        return ()

    async def carry_out(self, command: Refit | Rollback, asked: Asked) -> Outcome | None:
        """Carry out a command and tell its outcome; none if that was told before."""
        given = {
            "correlation_ids": asked.causes,
            "state": self.state,
            "store": self._store,
            "clock": self._clock,
            "rules": self._rules,
        }
        async with self.state.publishing:
            if asked.is_repeated and await self._is_answered(asked.causes):
                return None
            outcome = await (
                refit(command, **given)
                if isinstance(command, Refit)
                else rollback(command, **given)
            )
            await self.tell(outcome, asked)
            return outcome

    async def _is_answered(self, causes: tuple[str, ...]) -> bool:
        """Tell whether all these commands led to models before they were delivered again."""
        return set(causes) <= await self._store.answered(self._collection, causes)

    async def forget(self) -> None:
        """Fit a model without the records that were forgotten, if that is owed."""
        async with self.state.publishing:
            if not self.state.owes_refit:
                return
            outcome = await refit(
                FORGET,
                trigger="forget",
                state=self.state,
                store=self._store,
                clock=self._clock,
                rules=self._rules,
            )
            if isinstance(outcome, ModelVersion):
                await self.tell(outcome)

    async def announce_pending(self) -> None:
        """Publish the models whose announcement a crash may have cut off.

        The current model goes to the writers again in any case: the bus may have lost it, and a
        writer ignores a model that it has.
        """
        for model in await self._store.unannounced(self._collection):
            await self.tell(model)
        if self.state.model:
            await self._publisher.publish(self._in_band(self.state.model))

    async def tell(self, outcome: Outcome | None, asked: Asked = NOBODY) -> None:
        """Publish an outcome; a model goes to the writers first, in order with the batches."""
        now, name = self._clock.now(), self._collection
        version = self.state.model.version if self.state.model else 0
        if isinstance(outcome, ModelVersion):
            await self._publisher.publish(self._in_band(outcome))
            reached(Failpoint.MODEL_PUBLISHED)
            event = outgoing_event(PROJECTION_UPDATED, tell.updated(name, outcome))
            await self._publisher.publish(event)
            await self._store.mark_announced(name, outcome.version)
            self._log_model(outcome)
        elif isinstance(outcome, HeldRefit):
            held = tell.held(name, outcome, version, asked, now)
            await self._publisher.publish(outgoing_event(PROJECTION_HELD, held))
            log.warning("refit.held", collection=name, rms_share=outcome.movement.rms_share)
        elif isinstance(outcome, Previewed):
            seen = tell.previewed(name, outcome, version, asked, now)
            await self._publisher.publish(outgoing_event(PROJECTION_PREVIEWED, seen))
        elif isinstance(outcome, Rejected):
            refused = tell.rejected(name, outcome.reason, asked, now)
            await self._publisher.publish(outgoing_event(PROJECTION_REJECTED, refused))
            log.warning("command.rejected", subject=asked.subject, reason=outcome.reason)

    def _in_band(self, model: ModelVersion) -> Outgoing:
        contract = tell.contract_of(self._collection, model)
        message_id = f"projection.model:{self._collection}:{model.version}"
        return outgoing_message(
            PROJECTION_MODEL, self._collection, contract, message_id=message_id
        )

    def _log_model(self, model: ModelVersion) -> None:
        log.info(
            "model.announced",
            collection=self._collection,
            version=model.version,
            reason=model.reason,
            records=model.record_count,
            explained_variance_ratio=model.explained_variance_ratio,
            moved_share=model.movement.rms_share if model.movement else None,
        )


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


def decode_retraction(body: bytes) -> list[Retraction]:
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
    is_forgotten = FORGOTTEN_KEY in (rows.schema.metadata or {})
    return [Retraction(key, vectors[where], is_forgotten) for key, where in positions.items()]
