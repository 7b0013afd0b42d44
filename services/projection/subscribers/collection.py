"""Batches, retractions and what is stored, of one collection."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain

from services.projection.handlers.projector import Projector
from services.projection.handlers.retract import Retraction
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.consuming.settling import Settler
from shared.bus.messages.outgoing import Outgoing, Steps
from shared.bus.messages.received import Delivery
from shared.bus.reading.settled import read_settled
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.durables import (
    PROJECTION_READS_BATCHES,
    PROJECTION_READS_RETRACTIONS,
    PROJECTION_READS_SETTLED,
)
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
from shared.contracts.writing import WritingSettled
from shared.errors import InvalidMessage

SETTLED_PULL = Pull(64, 0.1)
"""Nobody waits for it, and many at once cost one transaction."""


def build_collection_router(settler: Settler, projector: Projector, pull: Pull) -> DurableRouter:
    """Bring what the bus has for one collection to its projector."""
    router = DurableRouter(settler)
    collection = projector.state.collection

    @router.durable(PROJECTION_READS_BATCHES, collection, decode_batch, pull)
    async def on_batches(batches: Sequence[Batch]) -> Steps:
        return projector.project(batches)

    @router.durable(
        PROJECTION_READS_RETRACTIONS,
        collection,
        lambda delivery: decode_retraction(delivery.body),
        replace(pull, linger_s=0),
    )
    async def on_retractions(messages: Sequence[Sequence[Retraction]]) -> Iterable[Outgoing]:
        await projector.retract(chain(*messages))
        return ()

    @router.durable(PROJECTION_READS_SETTLED, collection, read_settled, SETTLED_PULL)
    async def on_settled(news: Sequence[WritingSettled]) -> Iterable[Outgoing]:
        await projector.settle(chain.from_iterable(one.batches for one in news))
        return ()

    return router


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
