"""The Arrow batches between the stages: descriptors, schemas and the codec.

A batch is one Arrow IPC stream with one record batch. Its descriptor, a small JSON object, stands
in the schema's metadata, so that a stored message explains itself.
"""

from collections.abc import Container

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.arrow_messages import plain_messages
from shared.contracts.base import MAX_INT64, Collection
from shared.contracts.moved_from import MovedFrom
from shared.errors import InvalidMessage

ARROW = "application/vnd.apache.arrow.stream"
DESCRIPTOR_KEY = b"mapstream.batch"
FORGOTTEN_KEY = b"mapstream.forgotten"
"""Of a retraction: the model is to forget these vectors, too."""

MOST_OPENINGS = 16
MAX_RECORDS = 128
MAX_TEXT_BYTES = 1 << 20
"""Of all texts of one batch together, in UTF-8; a longer single text is cut there."""

RECORD_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("timestamp", pa.timestamp("us", tz="UTC")),
        pa.field("filename", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("iteration", pa.int32(), nullable=False),
        pa.field("idx_in_iteration", pa.int32(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("byte_offset", pa.int64(), nullable=False),
        pa.field("attributes", pa.string()),
        pa.field("arrived_at", pa.timestamp("us", tz="UTC")),
    ]
)
"""``discovery.batch``: the records of one piece of a source, in file order."""

ADDED_COLUMNS = frozenset(("attributes", "arrived_at"))
"""What batches and datasets of 0.1.0 do not have: where such a column is missing, it is null."""

POINT_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("x", pa.float32(), nullable=False),
        pa.field("y", pa.float32(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("filename", pa.string(), nullable=False),
        pa.field("iteration", pa.int32(), nullable=False),
        pa.field("model_version", pa.int32(), nullable=False),
        pa.field("timestamp", pa.timestamp("us", tz="UTC")),
    ]
)
"""``map.points``: what was committed to the map, without text and vectors."""

ADDED_POINT_COLUMNS = frozenset(("timestamp",))
"""What points told by older versions do not have: where such a column is missing, it is null."""


def vector_field(dimension: int) -> pa.Field:
    """Return the column ``vector``: fixed-size lists of float32 of this dimension."""
    return pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False)


def embedded_schema(dimension: int) -> pa.Schema:
    """``embedding.batch``: the records and their vectors."""
    return RECORD_SCHEMA.append(vector_field(dimension))


def projected_schema(dimension: int) -> pa.Schema:
    """``projection.batch``: the records, their vectors and their coordinates."""
    schema = embedded_schema(dimension)
    for name in ("x", "y"):
        schema = schema.append(pa.field(name, pa.float32(), nullable=False))
    return schema


def retraction_schema(dimension: int) -> pa.Schema:
    """``writing.retraction``: the vectors of batches that left the dataset."""
    return pa.schema([pa.field("batch_id", pa.string(), nullable=False), vector_field(dimension)])


class BatchDescriptor(BaseModel):
    """What a batch is a piece of. The same source content always gives the same descriptor."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    collection: Collection = Field(description="The map that the records belong to.")
    batch_id: str = Field(
        description="Hash of collection, source id, version, fingerprint, index and of what the "
        "version is cut by."
    )
    source_id: str = Field(description="Hash of collection and filename.")
    filename: str = Field(description="The source's path below its root, with '/'.")
    fingerprint: str = Field(description="SHA-256 of the source's content when this was read.")
    source_version: int = Field(
        ge=1,
        le=MAX_INT64,
        description="Counts the contents a source has had; the newest replaces the others. A "
        "content that begins with the one before is the same.",
    )
    index: int = Field(
        ge=0, le=MAX_INT64, description="Position of this batch in the source, from 0."
    )
    is_last: bool = Field(description="Whether the source ended with this batch when it was read.")
    records: int = Field(
        ge=0, le=MAX_INT64, description="Records that discovery put into the batch."
    )
    embedder: str | None = Field(
        default=None, description="The model whose vectors these are, from embedding on."
    )
    is_forgotten: bool = Field(default=False, description="Whether the source is forgotten.")
    can_wait: bool = Field(
        default=False,
        description="Whether a batch follows that shows its version: until then its rows are not "
        "stored, if rows of another version of the source are.",
    )
    shows_with: int = Field(
        default=0,
        ge=0,
        le=MAX_INT64,
        description="Of a batch that is a whole version: with fewer records it waits as a part.",
    )
    is_fresh: bool = Field(default=False, description="Whether known vectors are passed by.")
    shows: bool = Field(
        default=False,
        description="Whether it has no records, and shows those that wait of its version.",
    )
    moved_from: MovedFrom | None = Field(
        default=None,
        description="Of a batch without records that is a whole version: the source whose rows "
        "are the records of this version, under new ids and names.",
    )
    model_version: int | None = Field(
        default=None,
        le=MAX_INT64,
        description="Version of the plane of x and y, from projection on.",
    )
    replays: int = Field(
        default=0, ge=0, description="How often the whole batch was sent again after it had died."
    )
    epoch: int = Field(
        default=0,
        ge=0,
        le=MAX_INT64,
        description="Of what is sent again because the bus lost it: since when, in seconds "
        "since 1970. It is a part of the message's id, not of the batch's.",
    )
    opened: tuple[str, ...] = Field(
        default=(),
        max_length=MOST_OPENINGS,
        description="The last openings of the ledger that sends it, the newest first, by which "
        "writing knows which ledger that is; of none, that is not asked.",
    )

    @property
    def is_whole(self) -> bool:
        """Tell whether the version had no other batch when it was read."""
        return self.is_last and self.index == 0

    @property
    def delivery_id(self) -> str:
        """Name the batch and its replay: no copy of what was sent before, but the same batch."""
        return f"{self.batch_id}:{self.replays}" if self.replays else self.batch_id


class Batch:
    """A descriptor and its rows."""

    __slots__ = ("descriptor", "rows")

    def __init__(self, descriptor: BatchDescriptor, rows: pa.RecordBatch) -> None:
        self.descriptor = descriptor
        self.rows = rows

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def of_epoch(self, epoch: int, opened: tuple[str, ...] = ()) -> "Batch":
        """Return the same batch as it is sent in an epoch, by a ledger that was opened so."""
        facts = {"epoch": epoch, "opened": opened}
        return Batch(self.descriptor.model_copy(update=facts), self.rows)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """The column ``vector`` as an array (n, d), without a copy.

        Raises:
            InvalidMessage: The batch has no column ``vector``, or vectors are missing.
        """
        if "vector" not in self.rows.schema.names:
            raise InvalidMessage("the batch has no column 'vector'")
        return vectors_of(self.rows.column("vector"))


def vectors_of(column: pa.FixedSizeListArray) -> NDArray[np.float32]:
    """View fixed-size lists of float32 as an array (n, d).

    Raises:
        InvalidMessage: The column is of another type, or a value is null.
    """
    kind = column.type
    if not pa.types.is_fixed_size_list(kind) or kind.value_type != pa.float32():
        raise InvalidMessage(f"column 'vector' is {kind}, not fixed_size_list<float32>")
    if not kind.list_size:
        raise InvalidMessage("column 'vector' holds vectors of no length")
    values = column.flatten()
    if column.null_count or values.null_count:
        raise InvalidMessage("column 'vector' holds nulls")
    return values.to_numpy(zero_copy_only=True).reshape(len(column), kind.list_size)


def vector_array(vectors: NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Wrap an array (n, d) of float32 as fixed-size lists, without a copy."""
    flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, max(1, vectors.shape[1]))


def encode(batch: Batch) -> bytes:
    """Write a batch as one Arrow IPC stream."""
    document = batch.descriptor.model_dump_json(exclude_none=True).encode()
    return encode_rows(batch.rows, {DESCRIPTOR_KEY: document})


def encode_rows(rows: pa.RecordBatch, metadata: dict[bytes, bytes]) -> bytes:
    """Write rows as one Arrow IPC stream with this schema metadata."""
    rows = rows.replace_schema_metadata(metadata)
    with pa.BufferOutputStream() as sink:
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_batch(rows)
        return bytes(sink.getvalue())


def decode(body: bytes) -> Batch:
    """Read one Arrow IPC stream with a descriptor; columns are views of ``body``.

    Raises:
        InvalidMessage: The bytes are no Arrow stream of one record batch, or carry no descriptor.
    """
    rows = decode_rows(body)
    document = (rows.schema.metadata or {}).get(DESCRIPTOR_KEY)
    if document is None:
        raise InvalidMessage("the Arrow schema has no metadata 'mapstream.batch'")
    try:
        descriptor = BatchDescriptor.model_validate_json(document)
    except ValidationError as error:
        raise InvalidMessage(f"the batch's descriptor is wrong: {error}") from error
    return Batch(descriptor, rows)


def decode_rows(body: bytes) -> pa.RecordBatch:
    """Read one Arrow IPC stream of one record batch, without compression or dictionaries.

    What it claims is checked before memory is taken for it, so it needs no more than its bytes.

    Raises:
        InvalidMessage: The bytes are no Arrow stream of exactly one valid record batch.
    """
    try:
        schema, batch = plain_messages(body)
        rows = pa.ipc.read_record_batch(batch, pa.ipc.read_schema(schema))
        rows.validate(full=True)
        names = rows.schema.names
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise InvalidMessage(f"not an Arrow stream of one record batch: {error}") from error
    if len(set(names)) < len(names):
        raise InvalidMessage(f"columns of the batch share a name: {names}")
    return rows


def require_columns(
    rows: pa.RecordBatch, schema: pa.Schema, added: Container[str] = ADDED_COLUMNS
) -> None:
    """Check that rows have at least the columns of a schema, with their types.

    Those that were ``added`` later may be missing.

    Raises:
        InvalidMessage: A column is missing, of another type, or has nulls where none may be.
    """
    for field in schema:
        position = rows.schema.get_field_index(field.name)
        if position < 0:
            if field.name in added:
                continue
            raise InvalidMessage(f"the batch has no column '{field.name}'")
        column = rows.column(position)
        if column.type != field.type:
            raise InvalidMessage(f"column '{field.name}' is {column.type}, not {field.type}")
        if not field.nullable and column.null_count:
            raise InvalidMessage(f"column '{field.name}' holds nulls")
