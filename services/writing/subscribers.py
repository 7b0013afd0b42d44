"""The shell for the bus: batches and models of one collection."""

from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from services.writing.handlers.writer import Writer
from shared.bus.consuming.subscriptions import Subscriber
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.channel import split_subject
from shared.bus.registry.durables import WRITING_READS_PROJECTION
from shared.bus.registry.projection import PROJECTION_MODEL
from shared.contracts.batches import RECORD_SCHEMA, Batch, decode, require_columns
from shared.contracts.projection import ProjectionModel
from shared.errors import InvalidMessage


def subscribe(
    subscriber: Subscriber,
    writer: Writer,
    publisher: Publisher,
    *,
    max_messages: int,
    max_wait_s: float,
) -> None:
    """Bring batches and models, in the order of the stream, to the writer of their collection."""

    async def on_messages(messages: Sequence[Batch | ProjectionModel]) -> Iterable[Outgoing]:
        await publisher.publish_steps(writer.take(messages))
        return ()

    subscriber.micro_batches(
        WRITING_READS_PROJECTION,
        writer.collection,
        decode_message,
        on_messages,
        max_messages=max_messages,
        max_wait_s=max_wait_s,
    )


def decode_message(delivery: Delivery) -> Batch | ProjectionModel:
    """Read a batch or a model.

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
