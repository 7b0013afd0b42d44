"""The shell for the bus: batches and models of one collection."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import ValidationError

from services.writing.handlers.receiving import Sent
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.consuming.settling import Settler
from shared.bus.messages.headers import opened_of
from shared.bus.messages.outgoing import Steps
from shared.bus.messages.received import Delivery
from shared.bus.registry.channel import split_subject
from shared.bus.registry.durables import WRITING_READS_PROJECTION
from shared.bus.registry.projection import PROJECTION_MODEL
from shared.contracts.batches import RECORD_SCHEMA, Batch, decode, require_columns
from shared.contracts.projection import ProjectionModel
from shared.errors import InvalidMessage


class Taker(Protocol):
    """What takes the messages of one collection."""

    @property
    def collection(self) -> str:
        """Of which."""

    def take(self, messages: Sequence[Sent]) -> Steps:
        """Do with them what is to be done."""


def build_router(settler: Settler, taker: Taker, pull: Pull) -> DurableRouter:
    """Bring batches and models, in the order of the stream, to the writer of their collection."""
    router = DurableRouter(settler)

    @router.durable(WRITING_READS_PROJECTION, taker.collection, decode_message, pull)
    async def on_messages(messages: Sequence[Sent]) -> Steps:
        return taker.take(messages)

    return router


def decode_message(delivery: Delivery) -> Sent:
    """Read a batch or a model, and who sent it.

    Raises:
        InvalidMessage: It is neither, or of another collection than its subject.
    """
    return Sent(_read(delivery), opened_of(delivery.headers))


def _read(delivery: Delivery) -> Batch | ProjectionModel:
    """Read what was sent.

    Raises:
        InvalidMessage: It is neither, or of another collection than its subject.
    """
    family, collection = split_subject(delivery.subject)
    if family == PROJECTION_MODEL.family:
        try:
            return ProjectionModel.model_validate_json(delivery.body)
        except ValidationError as error:
            raise InvalidMessage(f"the model cannot be read: {error}") from error
    batch = decode(delivery.body)
    require_columns(batch.rows, RECORD_SCHEMA)
    if batch.descriptor.collection != collection:
        raise InvalidMessage(f"a batch of collection '{batch.descriptor.collection}'")
    return batch
