"""What waits beside the dataset: when it is shown, and when it goes unseen."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as part

import pyarrow as pa
from anyio import to_thread

from services.writing.domain.stored_state import StagedSource, StoreState
from services.writing.ports import BatchVectors, Staging
from shared.contracts.batches import POINT_SCHEMA, Batch
from shared.contracts.projection import ProjectionModel
from shared.vector_checksum import vector_checksum

Key = tuple[str, int]
"""Batch id and version of the source."""
Rows = tuple[int, str]
"""How many rows a batch has, and the checksum of their vectors."""


@dataclass(slots=True)
class Shown:
    """What was stored of batches that had waited, noted as they pass."""

    rows: dict[Key, Rows] = part(default_factory=dict)
    points: list[Batch] = part(default_factory=list)

    def placing(self, batches: Iterator[Batch], model: ProjectionModel | None) -> Iterator[Batch]:
        """Give batches the coordinates of a model, one after another."""
        for batch in batches:
            placed = place(batch, model)
            self.rows[key_of(batch)] = rows_of(batch)
            self.points.append(points_of(placed))
            yield placed


def key_of(batch: Batch) -> Key:
    """Name a batch in its version."""
    return batch.descriptor.batch_id, batch.descriptor.source_version


def rows_of(batch: Batch) -> Rows:
    """Say what is told of a batch with rows."""
    return len(batch), vector_checksum(batch.vectors)


def not_stored(
    shown: Mapping[str, int], staged: Mapping[str, StagedSource], state: StoreState
) -> dict[str, frozenset[str]]:
    """List the sources of which something is to be shown, each with what was shown before.

    After a crash between the two steps of that, what is stored waits still.
    """
    found = {}
    for source in shown:
        held = state.sources[source].batches if source in state.sources else {}
        stored = staged[source].batches & held.keys()
        if stored != staged[source].batches:
            found[source] = stored
    return found


async def vectors_of(staging: Staging, sources: Mapping[str, int]) -> AsyncIterator[BatchVectors]:
    """Read the vectors that wait of sources, batch by batch.

    Raises:
        TransientError: They could not be read.
    """
    if not sources:
        return
    batches = staging.scan(dict.fromkeys(sources, frozenset()))
    while (batch := await to_thread.run_sync(next, batches, None)) is not None:
        yield BatchVectors(batch.descriptor.batch_id, batch.vectors)


async def rows_that_wait(
    batches: list[Batch], staged: Mapping[str, StagedSource], staging: Staging
) -> dict[Key, Rows]:
    """Say what waits of batches that came: of a copy, what was there before.

    Raises:
        TransientError: It could not be read.
    """
    known: dict[Key, Rows] = {}
    for batch in batches:
        source, name = batch.descriptor.source_id, batch.descriptor.batch_id
        before = staged[source].batches if source in staged else frozenset[str]()
        if name not in before:
            known.setdefault(key_of(batch), rows_of(batch))
            continue
        copies = staging.scan({source: before - {name}})
        copy = await to_thread.run_sync(next, copies, None)
        known[key_of(batch)] = rows_of(copy or batch)
    return known


def place(batch: Batch, model: ProjectionModel | None) -> Batch:
    """Return the batch with the coordinates of this model."""
    if not len(batch) or model is None or batch.descriptor.model_version == model.version:
        return batch
    places = model.plane().project(batch.vectors)
    rows = batch.rows
    for axis, name in enumerate(("x", "y")):
        position = rows.schema.get_field_index(name)
        rows = rows.set_column(position, rows.schema.field(position), pa.array(places[:, axis]))
    return Batch(batch.descriptor.model_copy(update={"model_version": model.version}), rows)


def points_of(batch: Batch) -> Batch:
    """Return what ``map.points`` says of a batch."""
    version = pa.scalar(batch.descriptor.model_version, pa.int32())
    columns = [
        pa.repeat(version, len(batch))
        if field.name == "model_version"
        else batch.rows.column(field.name)
        for field in POINT_SCHEMA
    ]
    return Batch(batch.descriptor, pa.RecordBatch.from_arrays(columns, schema=POINT_SCHEMA))
