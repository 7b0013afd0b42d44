"""Valid messages with one field changed: ``batch(texts=["a"], index=3)``."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa

from shared.contracts.batches import RECORD_SCHEMA, Batch, BatchDescriptor, vector_array

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def descriptor(**changes: Any) -> BatchDescriptor:
    fields = {
        "collection": "default",
        "batch_id": "batch-0",
        "source_id": "source-0",
        "filename": "a.jsonl",
        "fingerprint": "f" * 64,
        "source_version": 1,
        "index": 0,
        "is_last": True,
        "records": 2,
    }
    return BatchDescriptor.model_validate(fields | changes)


def record_id(filename: str, iteration: int, idx: int = 0) -> str:
    return sha256(f"{filename}:{iteration}:{idx}".encode()).hexdigest()


def batch(texts: tuple[str, ...] = ("hello", "world"), first: int = 0, **changes: Any) -> Batch:
    facts = descriptor(**{"records": len(texts)} | changes)
    rows = [
        {
            "id": record_id(facts.filename, first + i),
            "timestamp": NOW,
            "filename": facts.filename,
            "text": text,
            "iteration": first + i,
            "idx_in_iteration": 0,
            "type": "iteration",
            "truncated": False,
            "line": first + i + 1,
            "byte_offset": 100 * (first + i),
        }
        for i, text in enumerate(texts)
    ]
    return Batch(facts, pa.RecordBatch.from_pylist(rows, schema=RECORD_SCHEMA))


def embedded_batch(vectors: np.ndarray, first: int = 0, **changes: Any) -> Batch:
    plain = batch(tuple(f"text {first + i}" for i in range(len(vectors))), first, **changes)
    column = vector_array(np.asarray(vectors, dtype=np.float32))
    facts = plain.descriptor.model_copy(update={"embedder": "fake"})
    field = pa.field("vector", column.type, nullable=False)
    return Batch(facts, plain.rows.append_column(field, column))
