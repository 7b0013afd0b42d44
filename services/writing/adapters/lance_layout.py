"""How batches lie in a Lance table, and how its files reach the disk."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import cast

import lance
import numpy as np
import pyarrow as pa

from services.writing.adapters.durable_files import LASTING, sync, unfit
from services.writing.domain.stored_state import StoreState
from services.writing.ports import DiskFullError, StaleModelError
from shared.contracts.batches import (
    ADDED_COLUMNS,
    RECORD_SCHEMA,
    Batch,
    BatchDescriptor,
    projected_schema,
    require_columns,
)
from shared.errors import InvalidMessage, TransientError
from shared.plain_paths import plain_path

Rows = pa.Table | pa.RecordBatchReader
COORDINATES = ("x", "y", "model_version")
"""The columns that a new model rewrites."""

READ_BYTES = 8 << 20
IO_BUFFER_BYTES = 64 << 20
CACHE_BYTES = 32 << 20
"""Of what Lance remembers of manifests and fragments. Each commit adds some 50 kB, and Lance's own
bound is a gigabyte."""

_NO_ROOM = ("os error 28", "os error 122")
_CODE = re.compile(r"\(os error (\d+)\)")
_LAST_MANIFEST = 2**64 - 1


FACTS = pa.schema(
    [
        pa.field("batch_id", pa.string(), nullable=False),
        pa.field("source_id", pa.string(), nullable=False),
        pa.field("fingerprint", pa.string(), nullable=False),
        pa.field("source_version", pa.int32(), nullable=False),
        pa.field("model_version", pa.int32(), nullable=False),
        pa.field("embedder", pa.string()),
    ]
)
"""What the table keeps of the batch that a row came with."""


def store_schema(dimension: int) -> pa.Schema:
    """Return the columns of the table; what was added later stands behind, as in an older one."""
    projected = projected_schema(dimension)
    return pa.schema(
        [
            *(field for field in projected if field.name not in ADDED_COLUMNS),
            *FACTS,
            *added_schema(),
        ]
    )


def added_schema() -> pa.Schema:
    """Return the columns that tables of earlier versions do not have."""
    return pa.schema([field for field in RECORD_SCHEMA if field.name in ADDED_COLUMNS])


def has_manifest(path: Path) -> bool:
    """Tell whether there is a table; a folder without a manifest is left of its creation."""
    return any((path / "_versions").glob("*.manifest"))


def open_table(path: Path, version: int | None = None) -> lance.LanceDataset:
    """Open a version of a table, or the newest; what Lance caches stays within bounds."""
    session = lance.Session(
        metadata_cache_size_bytes=CACHE_BYTES, index_cache_size_bytes=CACHE_BYTES
    )
    return lance.dataset(plain_path(path), version=version, session=session)


def dimension_of(dataset: lance.LanceDataset) -> int:
    """Return the length of a table's vectors."""
    return int(dataset.schema.field("vector").type.list_size)


def batch_rows(dataset: lance.LanceDataset) -> int:
    """Return how many rows to read at a time, so that their vectors stay within bounds."""
    return max(128, min(16_384, READ_BYTES // (4 * dimension_of(dataset))))


def to_rows(batch: Batch, schema: pa.Schema) -> pa.RecordBatch:
    """Turn a batch into rows of the table.

    Raises:
        InvalidMessage: A column is missing or of another type, or a number is not finite.
    """
    dimension = schema.field("vector").type.list_size
    require_columns(batch.rows, projected_schema(dimension))
    numbers = (batch.vectors, batch.rows.column("x"), batch.rows.column("y"))
    if not all(np.isfinite(np.asarray(values)).all() for values in numbers):
        raise InvalidMessage(f"batch {batch.descriptor.batch_id} holds NaN or infinite values")
    columns = [_column(batch, field) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _column(batch: Batch, field: pa.Field) -> pa.Array:
    if field.name in FACTS.names:
        value = pa.scalar(getattr(batch.descriptor, field.name), field.type)
        return pa.repeat(value, len(batch))
    position = batch.rows.schema.get_field_index(field.name)
    return pa.nulls(len(batch), field.type) if position < 0 else batch.rows.column(position)


def require_one_model(batches: Sequence[Batch], held: int | None) -> None:
    """Check that all coordinates are of one model, and of the held one if there is any.

    Raises:
        StaleModelError: They are not.
    """
    versions = {batch.descriptor.model_version for batch in batches}
    if held is not None:
        versions.add(held)
    if len(versions) > 1 or None in versions:
        raise StaleModelError(f"coordinates of models {versions}, held is {held}")


def rows_of(
    batches: Sequence[Batch],
    more: Iterable[Batch],
    state: StoreState,
    appended: list[BatchDescriptor],
) -> Rows | None:
    """Return what is to be written; what it is of is noted as it is read.

    Raises:
        InvalidMessage: A number of ``batches`` is not finite, or the dimension is another.
    """
    rest = iter(more)
    first = next(rest, None)
    if first is None and not batches:
        return None
    one = batches[0] if batches else cast("Batch", first)
    schema = store_schema(state.dimension or one.vectors.shape[1])
    appended += [batch.descriptor for batch in batches]
    ready = [to_rows(batch, schema) for batch in batches]
    if first is None:
        return pa.Table.from_batches(ready)

    def read() -> Iterator[pa.RecordBatch]:
        yield from ready
        for batch in chain((first,), rest):
            require_one_model([batch], state.model_version)
            appended.append(batch.descriptor)
            yield to_rows(batch, schema)

    return pa.RecordBatchReader.from_batches(schema, read())


@contextmanager
def lance_errors() -> Iterator[None]:
    """Turn what Lance raises into our errors.

    Lance gives an ``OSError`` without ``errno`` for whatever the disk refuses, and a
    ``RuntimeError`` or ``ValueError`` for the rest; only the text says which it is.

    Raises:
        DiskFullError: There is no room.
        Unfit: The file system refuses for good.
        TransientError: Anything else.
    """
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:
        text = str(error)
        code = _CODE.search(text)
        if code and int(code[1]) in LASTING:
            raise unfit(f"the dataset: {text}", int(code[1])) from error
        if any(code in text for code in _NO_ROOM):
            raise DiskFullError(f"no room for the dataset: {text}") from error
        raise TransientError(f"the dataset failed: {text}") from error


def sync_fragments(table: Path, fragments: Iterable[lance.FragmentMetadata]) -> None:
    """Bring the newest files of these fragments to the disk, which Lance leaves to the system.

    Raises:
        OSError: The disk refused.
    """
    for fragment in fragments:
        sync(table / "data" / fragment.files[-1].path)
        if fragment.deletion_file:
            sync(table / fragment.deletion_file.path(fragment.id))
    for folder in (table / "data", table / "_deletions"):
        if folder.exists():
            sync(folder)


def sync_manifest(table: Path, version: int) -> None:
    """Bring the commit of a version to the disk.

    Raises:
        OSError: The disk refused.
    """
    sync(table / "_versions" / f"{_LAST_MANIFEST - version:020}.manifest")
    sync(table / "_versions")
