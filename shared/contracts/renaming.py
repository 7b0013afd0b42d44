"""Puts a batch under the name of another source, for a file that was moved."""

from collections.abc import Callable

import pyarrow as pa

from shared.contracts.batches import Batch, BatchDescriptor
from shared.record_ids import record_id


def renamed(batch: Batch, to: BatchDescriptor) -> Batch:
    """Return a batch as one of another source's version, with the vectors and texts that it has.

    Its id stays: that names what was counted, and nothing is counted anew. The fingerprint stays,
    too, for the content does.
    """
    facts = batch.descriptor.model_copy(
        update={
            "source_id": to.source_id,
            "filename": to.filename,
            "source_version": to.source_version,
        }
    )
    rows = _with(batch.rows, "filename", lambda rows: [to.filename] * rows.num_rows)
    return Batch(facts, _with(rows, "id", lambda rows: _ids(rows, to.filename)))


def _ids(rows: pa.RecordBatch, filename: str) -> list[str]:
    places = (rows.column(name).to_pylist() for name in ("iteration", "idx_in_iteration"))
    return [record_id(filename, *place) for place in zip(*places, strict=True)]


def _with(
    rows: pa.RecordBatch, name: str, values: Callable[[pa.RecordBatch], list[str]]
) -> pa.RecordBatch:
    at = rows.schema.get_field_index(name)
    field = rows.schema.field(at)
    return rows.set_column(at, field, pa.array(values(rows), field.type))
