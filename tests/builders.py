"""Valid messages with one field changed: ``batch(texts=["a"], index=3)``."""

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa

from shared.contracts.batches import RECORD_SCHEMA, Batch, BatchDescriptor, vector_array
from shared.contracts.projection import ProjectionModel, encode_floats

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
            "attributes": None,
            "arrived_at": NOW,
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


def projection_model(
    vectors: np.ndarray, *, angle: float = 0.0, **changes: Any
) -> ProjectionModel:
    """The plane of vectors (n, d) by NumPy's singular values, its axes turned by an angle."""
    wide = vectors.astype(np.float64)
    centred = wide - wide.mean(axis=0)
    axes = np.zeros((2, wide.shape[1]))
    found = np.linalg.svd(centred, full_matrices=False)[2][:2]
    axes[: len(found)] = found
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ axes
    squares = ((centred @ turned.T) ** 2).sum(axis=0)
    total = (centred**2).sum()
    fields = {
        "collection": "default",
        "version": 3,
        "parent": 2,
        "dimension": wide.shape[1],
        "mean": encode_floats(wide.mean(axis=0)),
        "components": encode_floats(turned),
        "explained_variance": (squares / max(1, len(wide) - 1)).tolist(),
        "explained_variance_ratio": (squares / total).tolist() if total else [0.0, 0.0],
        "record_count": len(wide),
        "reason": "threshold",
        "created_at": NOW,
    }
    return ProjectionModel.model_validate(fields | changes)
