"""Batches and models for the tests of writing."""

from zlib import crc32

import numpy as np
import pyarrow as pa

from services.writing.domain.stored_state import StoreState
from services.writing.handlers.write import Written, commit_write, plan_write, retractions
from services.writing.ports import DatasetStore, ModelArchive, Staging
from shared.clock import SystemClock
from shared.contracts.batches import Batch
from shared.contracts.projection import ProjectionModel, encode_floats
from shared.plane import Plane
from tests.builders import NOW, embedded_batch
from tests.fakes.staging import FakeStaging

DIMENSION = 8


def vectors(seed: int, rows: int, dimension: int = DIMENSION) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, dimension), dtype=np.float32)


def model(version: int, dimension: int = DIMENSION) -> ProjectionModel:
    """Give each version another plane: the axes are rotated by ``version`` radians."""
    components = np.zeros((2, dimension), np.float32)
    components[:, :2] = [
        [np.cos(version), np.sin(version)],
        [-np.sin(version), np.cos(version)],
    ]
    return ProjectionModel(
        collection="default",
        version=version,
        parent=version - 1 or None,
        dimension=dimension,
        mean=encode_floats(np.full(dimension, version, np.float32)),
        components=encode_floats(components),
        explained_variance_ratio=(0.5, 0.25),
        record_count=2,
        reason="first",
        created_at=NOW,
    )


def place(batch: Batch, plane: Plane, version: int) -> Batch:
    places = plane.project(batch.vectors)
    rows = batch.rows
    for axis, name in enumerate("xy"):
        field = pa.field(name, pa.float32(), nullable=False)
        rows = rows.append_column(field, pa.array(places[:, axis]))
    return Batch(batch.descriptor.model_copy(update={"model_version": version}), rows)


def piece(
    source: str = "s",
    version: int = 1,
    index: int = 0,
    *,
    rows: int = 2,
    model_version: int = 1,
    dimension: int = DIMENSION,
) -> Batch:
    """Build a projected batch; the record ids of all versions of a source are the same."""
    embedded = embedded_batch(
        vectors(crc32(f"{source}@{version}#{index}".encode()), rows, dimension),
        first=index * 100,
        filename=f"{source}.jsonl",
        source_id=source,
        source_version=version,
        fingerprint=f"{source}@{version}",
        batch_id=f"{source}@{version}#{index}",
        index=index,
    )
    return place(embedded, model(model_version, dimension).plane(), model_version)


def with_vectors(batch: Batch, value: float) -> Batch:
    """Put a value into the first vector."""
    changed = batch.vectors.copy()
    changed[0, 0] = value
    flat = pa.FixedSizeListArray.from_arrays(pa.array(changed.reshape(-1)), changed.shape[1])
    at = batch.rows.schema.get_field_index("vector")
    return Batch(batch.descriptor, batch.rows.set_column(at, batch.rows.schema.field(at), flat))


async def write(
    *batches: Batch, store: DatasetStore, models: ModelArchive, staging: Staging | None = None
) -> tuple[Written, list[str]]:
    """Write a micro-batch as the shell does; return the ids of what was retracted, too."""
    staging = staging or FakeStaging()
    plan = await plan_write(batches, store=store, staging=staging, models=models)
    retracted = [item.batch_id async for item in retractions(plan, store=store, staging=staging)]
    written = await commit_write(
        plan, store=store, staging=staging, models=models, clock=SystemClock()
    )
    return written, retracted


async def read(store: DatasetStore, *columns: str) -> list[tuple]:
    """Return the rows of a store, sorted."""
    async with store.snapshot() as snapshot:
        rows = [
            row
            for batch in snapshot.scan(columns)
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]
    return sorted(rows)


def ids(*batches: Batch) -> list[tuple]:
    """Return the record ids of batches, as ``read`` gives them."""
    return sorted((one,) for batch in batches for one in batch.rows.column("id").to_pylist())


def tells(state: StoreState) -> dict[str, int]:
    """Return the current version of every source."""
    return {source: held.current for source, held in state.sources.items()}
