"""What comes, and what is kept of that which cannot be used."""

from pydantic import ValidationError

from shared.bus.messages.received import Delivery
from shared.bus.registry.channels import PROJECTION_MODEL
from shared.contracts.batches import RECORD_SCHEMA, Batch, decode, encode, require_columns
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.projection import ProjectionModel
from shared.errors import InvalidMessage

STAGE = "writing"


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


def dead_batch(batch: Batch, reason: str) -> DeadLetter:
    """Keep a batch that cannot be written."""
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


def dead_model(model: ProjectionModel, reason: str) -> DeadLetter:
    """Keep a model that cannot be applied."""
    return DeadLetter(
        key=f"model:{model.version}",
        stage=STAGE,
        collection=model.collection,
        reason=reason,
        body=model.model_dump_json().encode(),
        records=0,
    )
