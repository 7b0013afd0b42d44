"""Single columns of ``<folder>/<collection>/logs.parquet``, and what is in its attributes."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import pyarrow as pa
import pyarrow.compute as pc

from services.gateway.adapters.published_files import (
    LOGS,
    FewThreads,
    disk_errors,
    may_have,
    next_piece,
    open_file,
)
from services.gateway.domain.attributes import (
    PREFIX,
    Documents,
    Kind,
    number_of,
    seen_in,
    word_of,
)
from services.gateway.ports.columns import ColumnFacts, OpenColumn

THREADS = 2
PIECE_ROWS = 16_384
SAMPLED_GROUPS = 8
SAMPLED_ROWS = 2500
"""Of each of these groups."""
MOST_COLUMNS = 60
ATTRIBUTES = "attributes"
FILENAME = "filename"
LEFT_OUT = frozenset(
    {"id", "text", "type", "filename", "iteration", "idx_in_iteration", "timestamp", ATTRIBUTES,
     "projection_x", "projection_y", "source_version"}
)  # fmt: skip
"""Columns that every point has, or that are no values."""
TYPES: dict[Kind, pa.DataType] = {
    "word": pa.string(),
    "number": pa.float64(),
    "time": pa.timestamp("us", tz="UTC"),
}
Result = TypeVar("Result")


class ParquetColumnReader:
    """Reads the file as it is now."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = FewThreads(THREADS)

    async def list(
        self, collection: str, source: str | None = None
    ) -> tuple[Sequence[ColumnFacts], int] | None:
        """See the port."""
        return await self._threads.run(partial(_listed, self._folder / collection / LOGS, source))

    @asynccontextmanager
    async def open(
        self, collection: str, name: str, kind: Kind
    ) -> AsyncIterator[OpenColumn | None]:
        """Open a column; nothing if there is no map yet, or it has none of this name and kind.

        Raises:
            TransientError: The file could not be read.
        """
        file = await self._threads.run(partial(open_file, self._folder / collection / LOGS))
        try:
            yield None if file is None else _opened(file, name, kind, self._threads.run)
        finally:
            if file is not None:
                with anyio.CancelScope(shield=True):
                    await self._threads.run(file.close)


class _OpenColumn:
    """A column of an open file."""

    def __init__(
        self, pieces: Iterator[pa.RecordBatch], kind: Kind, run: Callable[..., Any]
    ) -> None:
        self._pieces = pieces
        self._run = run
        self.schema = pa.schema([("id", pa.string()), ("value", TYPES[kind])])

    async def batches(self) -> AsyncGenerator[pa.RecordBatch, None]:
        """Read id and value in pieces of bounded size.

        Raises:
            TransientError: The file could not be read.
        """
        while (piece := await self._run(partial(next_piece, self._pieces))) is not None:
            yield pa.RecordBatch.from_arrays(piece.columns, schema=self.schema)


def _opened(file: Any, name: str, kind: Kind, run: Callable[..., Any]) -> _OpenColumn | None:
    schema = file.schema_arrow
    if name.startswith(PREFIX) and kind != "time" and ATTRIBUTES in schema.names:
        return _OpenColumn(_of_attributes(file, name.removeprefix(PREFIX), kind), kind, run)
    is_there = name in schema.names and name not in LEFT_OUT
    if not is_there or _kind_of(schema.field(name).type) != kind:
        return None
    return _OpenColumn(_of_file(file, name, kind), kind, run)


def _of_file(file: Any, name: str, kind: Kind) -> Iterator[pa.RecordBatch]:
    for piece in file.iter_batches(PIECE_ROWS, columns=["id", name]):
        values = pc.cast(piece.column(name), TYPES[kind], safe=False)
        yield pa.RecordBatch.from_arrays([piece.column("id"), values], names=["id", "value"])


def _of_attributes(file: Any, name: str, kind: Kind) -> Iterator[pa.RecordBatch]:
    known = Documents()
    told = number_of if kind == "number" else word_of
    for piece in file.iter_batches(PIECE_ROWS, columns=["id", ATTRIBUTES]):
        documents = piece.column(ATTRIBUTES).to_pylist()
        values = pa.array([told(known.of(one).get(name)) for one in documents], TYPES[kind])
        yield pa.RecordBatch.from_arrays([piece.column("id"), values], names=["id", "value"])


def _listed(path: Path, source: str | None) -> tuple[list[ColumnFacts], int] | None:
    file = open_file(path)
    if file is None:
        return None
    with disk_errors(), file:
        schema = file.schema_arrow
        plain = [one for one in schema.names if one not in LEFT_OUT]
        wanted = [*plain, *([ATTRIBUTES] if ATTRIBUTES in schema.names else [])]
        rows = _sample(file, wanted) if source is None else _sample_of(file, wanted, source)
        found = [_facts(rows, one) for one in plain if _kind_of(schema.field(one).type)]
        if ATTRIBUTES in wanted:
            found += _attributes_of(rows, plain)
    seen = [one for one in found if one.records]
    if source is None:  # else they stay in the order in which its file has them
        seen.sort(key=lambda one: (-one.records, one.name))
    return seen[:MOST_COLUMNS], rows.num_rows


def _sample(file: Any, columns: Sequence[str]) -> pa.Table:
    """Read the beginning of some groups, evenly spread."""
    step = max(1, file.num_row_groups // SAMPLED_GROUPS)
    pieces = []
    for group in range(0, file.num_row_groups, step):
        reading = file.iter_batches(SAMPLED_ROWS, row_groups=[group], columns=list(columns))
        pieces += [piece for piece in [next(reading, None)] if piece is not None]
    schema = pa.schema([file.schema_arrow.field(one) for one in columns])
    return pa.Table.from_batches([one.select(list(columns)) for one in pieces], schema)


def _sample_of(file: Any, columns: Sequence[str], source: str) -> pa.Table:
    """Read the first records of one source."""
    schema = pa.schema([file.schema_arrow.field(one) for one in columns])
    pieces: list[pa.RecordBatch] = []
    left = SAMPLED_ROWS
    groups = [
        group
        for group in range(file.num_row_groups)
        if may_have(file.metadata.row_group(group), source)
    ]
    for piece in file.iter_batches(PIECE_ROWS, row_groups=groups, columns=[*columns, FILENAME]):
        found = piece.filter(pc.equal(piece.column(FILENAME), source)).slice(0, left)
        pieces.append(found.select(list(columns)))
        left -= len(found)
        if left == 0:
            break
    return pa.Table.from_batches(pieces, schema)


def _facts(rows: pa.Table, name: str) -> ColumnFacts:
    values = rows.column(name)
    kind = _kind_of(values.type) or "word"
    return ColumnFacts(
        name, kind, len(values) - values.null_count, pc.count_distinct(values).as_py()
    )


def _attributes_of(rows: pa.Table, plain: Sequence[str]) -> list[ColumnFacts]:
    seen = seen_in(rows.column(ATTRIBUTES).to_pylist(), Documents())
    return [
        ColumnFacts(PREFIX + name, one.kind, one.records, len(one.words))
        for name, one in seen.items()
        if name not in plain
    ]


def _kind_of(kind: pa.DataType) -> Kind | None:
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "number"
    if pa.types.is_timestamp(kind):
        return "time"
    if pa.types.is_string(kind) or pa.types.is_boolean(kind):
        return "word"
    return None
