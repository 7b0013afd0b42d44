"""The map as Arrow: whole from the public file, or what was committed after a position."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import pyarrow as pa

from services.gateway.ports import MapMarks, MapReader, OpenMap, PointLog
from shared.contracts.batches import ADDED_POINT_COLUMNS, POINT_SCHEMA, Batch
from shared.errors import InvalidMessage, MapstreamError

_MODEL = POINT_SCHEMA.get_field_index("model_version")
MAP_SCHEMA = POINT_SCHEMA.remove(_MODEL).append(
    pa.field("source_version", pa.int32(), nullable=False)
)
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class NoMapError(MapstreamError):
    """The collection has no public files yet."""


class OutdatedError(MapstreamError):
    """More has changed since than points that came and left."""


class MapHead:
    """What an answer says of the map, beside the points."""

    def __init__(
        self,
        collection: str,
        marks: MapMarks,
        since: int,
        *,
        removals: Mapping[str, int] | None = None,
        has_more: bool = False,
    ) -> None:
        self.since = since
        self.removals = removals or {}
        self.has_more = has_more
        self.marks = marks
        self.collection = collection

    @property
    def schema(self) -> pa.Schema:
        """The columns, with the facts as metadata."""
        facts = {
            "mapstream.collection": self.collection,
            "mapstream.dataset_version": str(self.marks.dataset_version),
            "mapstream.since": str(self.since),
        }
        if self.marks.model_version is not None:
            facts["mapstream.model_version"] = str(self.marks.model_version)
        if self.removals:
            facts["mapstream.removed"] = json.dumps(self.removals)
        return MAP_SCHEMA.with_metadata(facts)


async def head_of(collection: str, opened: OpenMap | None, *, points: PointLog) -> MapHead:
    """Describe a whole map; its position is one up to which the file holds all points.

    Raises:
        NoMapError: There is none yet.
        BusAway: The position is not known.
    """
    if opened is None:
        raise NoMapError(f"collection '{collection}' has no map yet")
    since = await points.position_of(collection, opened.marks.dataset_version)
    return MapHead(collection, opened.marks, since)


async def whole_map(head: MapHead, opened: OpenMap) -> AsyncGenerator[bytes, None]:
    """Encode an open map piece by piece.

    Raises:
        TransientError: The file could not be read to its end.
    """
    schema = head.schema
    yield schema.serialize().to_pybytes()
    async with aclosing(opened.batches()) as batches:
        async for rows in batches:
            columns = [rows.column(name) for name in schema.names]
            piece = pa.RecordBatch.from_arrays(columns, schema=schema)
            yield piece.serialize().to_pybytes()
    yield END_OF_STREAM


async def map_since(
    collection: str,
    since: int,
    *,
    model_version: int | None,
    maps: MapReader,
    points: PointLog,
) -> tuple[MapHead, bytes]:
    """Return what came and left after a position, each point once, as it stands last.

    Args:
        collection: The collection.
        since: The position.
        model_version: The model of the points that the caller has, if told.
        maps: The public files: what is current is what they hold.
        points: The stream of points.

    Raises:
        NoMapError: There is no map yet.
        OutdatedError: Points moved meanwhile: adding and removing is not enough.
        PositionLostError: The stream does not reach back to the position.
        BusAway: The bus did not answer.
    """
    told = await points.read(collection, since)
    marks = await maps.marks(collection)
    if marks is None:
        raise NoMapError(f"collection '{collection}' has no map yet")
    if model_version is not None and model_version != marks.model_version:
        raise OutdatedError(f"the map has model {marks.model_version} now, not {model_version}")
    for batch in told.batches:
        _require_of_model(batch, marks)
    head = MapHead(
        collection, marks, told.position, removals=told.removals, has_more=told.has_more
    )
    tables = [
        _points_of(one)
        for one in told.batches
        if one.descriptor.source_version >= told.removals.get(one.descriptor.filename, 0)
    ]
    schema = head.schema
    body = [schema.serialize().to_pybytes()]
    if tables:
        rows = _last_of_each(pa.concat_tables(tables))
        whole = rows.combine_chunks().replace_schema_metadata(schema.metadata)
        body.extend(piece.serialize().to_pybytes() for piece in whole.to_batches())
    return head, b"".join([*body, END_OF_STREAM])


def require_points(batch: Batch) -> Batch:
    """Check that a batch is one of points.

    Raises:
        InvalidMessage: It is none.
    """
    missing = set(POINT_SCHEMA.names) - ADDED_POINT_COLUMNS - set(batch.rows.schema.names)
    if missing:
        raise InvalidMessage(f"a batch of points without {sorted(missing)}")
    return batch


def _points_of(batch: Batch) -> pa.Table:
    """Return the points of a message with the version of their source."""
    version = pa.array([batch.descriptor.source_version] * len(batch), pa.int32())
    rows = batch.rows.append_column(MAP_SCHEMA.field("source_version"), version)
    columns = [
        rows.column(field.name)
        if field.name in rows.schema.names
        else pa.nulls(len(rows), field.type)
        for field in MAP_SCHEMA
    ]
    return pa.Table.from_arrays(columns, names=MAP_SCHEMA.names).cast(MAP_SCHEMA)


def _require_of_model(batch: Batch, marks: MapMarks) -> None:
    """Check that points are where the model of the files has them.

    Raises:
        OutdatedError: They are those of another one.
    """
    others = set(batch.rows.column("model_version").to_pylist()) - {marks.model_version}
    if others:
        raise OutdatedError(
            f"points of model {others.pop()} follow, and the map has model {marks.model_version}: "
            "fetch the map again, best after the next writing.published"
        )


def _last_of_each(rows: pa.Table) -> pa.Table:
    positions = {key: place for place, key in enumerate(rows.column("id").to_pylist())}
    if len(positions) == rows.num_rows:
        return rows
    return rows.take(sorted(positions.values()))
