"""The shell: from a batch on the bus to the handler and back."""

from collections.abc import Sequence

from services.embedding.handlers.asking import Encoder
from services.embedding.handlers.embed import embed
from shared.bus.connection import JetStream
from shared.bus.consuming.durable_subscriber import DurableRouter, groups
from shared.bus.consuming.settling import Settler
from shared.bus.messages.outgoing import Steps
from shared.bus.messages.received import Delivery
from shared.bus.reading.last_message import last_message
from shared.bus.registry.durables import (
    EMBEDDING_READS_BATCHES,
)
from shared.bus.registry.projection import PROJECTION_UPDATED
from shared.contracts.batches import RECORD_SCHEMA, Batch, decode, require_columns
from shared.contracts.projection import ProjectionUpdated


async def known_dimension(js: JetStream, collection: str) -> int | None:
    """Return the dimension of a collection's model, if the bus tells of one.

    Without it, a process that starts while another model answers would take that one's vectors.
    """
    body = await last_message(js, PROJECTION_UPDATED, collection)
    return ProjectionUpdated.model_validate_json(body).model.dimension if body else None


def build_router(
    settler: Settler, collection: str, *, encoder: Encoder, concurrency: int
) -> DurableRouter:
    """Bring the batches of a collection to the handler, small ones together, in no order."""
    router = DurableRouter(settler)

    @router.durable(EMBEDDING_READS_BATCHES, collection, decode_batch, groups(concurrency))
    async def on_batches(batches: Sequence[Batch]) -> Steps:
        return embed(batches, encoder=encoder)

    return router


def decode_batch(delivery: Delivery) -> Batch:
    """Read a batch of records.

    Raises:
        InvalidMessage: It is none.
    """
    batch = decode(delivery.body)
    require_columns(batch.rows, RECORD_SCHEMA)
    return batch
