"""Shows a version whose batches have waited for each other."""

import pyarrow as pa

from services.discovery.domain.ledger import SourceRecord
from shared.contracts.batches import RECORD_SCHEMA, Batch, BatchDescriptor


def showing_batch(source: SourceRecord) -> Batch:
    """Return the batch that shows a source's version; always the same."""
    descriptor = BatchDescriptor(
        collection=source.collection,
        batch_id=source.showing_batch_id,
        source_id=source.source_id,
        filename=source.filename,
        fingerprint=source.fingerprint or "",
        source_version=source.source_version,
        index=0,
        is_last=True,
        records=0,
        shows=True,
    )
    return Batch(descriptor, pa.RecordBatch.from_pylist([], schema=RECORD_SCHEMA))
