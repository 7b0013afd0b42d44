"""What is told of vectors that leave the map."""

import pyarrow as pa

from services.writing.ports import BatchVectors
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.batches import WRITING_RETRACTION
from shared.contracts.batches import FORGOTTEN_KEY, encode_rows, vector_array


def outgoing_retraction(collection: str, gone: BatchVectors, *, is_forgotten: bool) -> Outgoing:
    """Send vectors that leave the map; the same ones always have the same id."""
    column = vector_array(gone.vectors)
    ids = pa.repeat(pa.scalar(gone.batch_id), len(column))
    fields = [
        pa.field("batch_id", pa.string(), nullable=False),
        pa.field("vector", column.type, nullable=False),
    ]
    rows = pa.RecordBatch.from_arrays([ids, column], schema=pa.schema(fields))
    message_id = WRITING_RETRACTION.message_id(gone.batch_id)
    metadata = {}
    if is_forgotten:
        message_id, metadata = f"{message_id}:forgotten", {FORGOTTEN_KEY: b"true"}
    return Outgoing(WRITING_RETRACTION, collection, message_id, encode_rows(rows, metadata))
