"""The shell: from a batch on the bus to the handler and back."""

from collections.abc import Iterable, Mapping, Sequence

import structlog

from services.embedding import handlers
from shared.bus.connection import JetStream
from shared.bus.consuming.durable_subscriber import DurableRouter, groups
from shared.bus.consuming.settling import Settler
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.messages.received import Delivery
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.reading.last_message import last_message
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.durables import (
    EMBEDDING_READS_BATCHES,
)
from shared.bus.registry.projection import PROJECTION_UPDATED
from shared.contracts.batches import RECORD_SCHEMA, Batch, decode, require_columns
from shared.contracts.projection import ProjectionUpdated
from shared.observability.steps import step

log = structlog.get_logger(__name__)


async def known_dimensions(js: JetStream, collections: Sequence[str]) -> Mapping[str, int]:
    """Return the dimension of every collection that has a model, as far as the bus tells.

    Without it, a process that starts while another model answers would take that one's vectors.
    """
    known = {}
    for collection in collections:
        body = await last_message(js, PROJECTION_UPDATED, collection)
        if body is not None:
            model = ProjectionUpdated.model_validate_json(body).model
            known[collection] = model.dimension
    return known


def build_router(
    settler: Settler, collections: Iterable[str], *, encoder: handlers.Encoder, concurrency: int
) -> DurableRouter:
    """Bring the batches of collections to the handler, small ones together, in no order."""
    router = DurableRouter(settler)

    async def on_batches(batches: Sequence[Batch]) -> Iterable[Outgoing]:
        with step("embed"):
            embedded, dead = await handlers.embed_batches(batches, encoder=encoder)
        for letter in dead:
            log.error(
                "record.buried", file=letter.filename, line=letter.line, reason=letter.reason
            )
        # The letters first: their records must not be missing in a batch without being told of.
        return [
            *map(outgoing_dead_letter, dead),
            *(outgoing_batch(EMBEDDING_BATCH, batch) for batch in embedded),
        ]

    for name in collections:
        router.durable(EMBEDDING_READS_BATCHES, name, decode_batch, groups(concurrency))(
            on_batches
        )
    return router


def decode_batch(delivery: Delivery) -> Batch:
    """Read a batch of records.

    Raises:
        InvalidMessage: It is none.
    """
    batch = decode(delivery.body)
    require_columns(batch.rows, RECORD_SCHEMA)
    return batch
