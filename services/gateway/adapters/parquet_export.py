"""Writes some rows of ``<folder>/<collection>/logs.parquet`` as CSV or Parquet, bit by bit."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from services.gateway.adapters.published_files import LOGS, FewThreads, next_piece, open_file
from services.gateway.domain.cells import FORMULA, QUOTE
from services.gateway.ports.search import Form

THREADS = 2
PIECE_ROWS = 8192
GROUP_ROWS = 65_536
GROUP_BYTES = 8_388_608
"""Rows are gathered until a group has so many, or so much: small groups would be slow to read."""
LEFT_OUT = frozenset({"source_version"})
"""Columns that mean nothing outside."""
Result = TypeVar("Result")


class ParquetExporter:
    """Reads the file from its beginning to its end, and holds a group of rows at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = FewThreads(THREADS)

    @asynccontextmanager
    async def pieces(
        self, collection: str, ids: Sequence[str], form: Form
    ) -> AsyncIterator[AsyncGenerator[bytes, None] | None]:
        """Open the file, and give what is written bit by bit; nothing if there is no map yet.

        Raises:
            TransientError: The file could not be read.
        """
        file = await self._threads.run(partial(open_file, self._folder / collection / LOGS))
        if file is None:
            yield None
            return
        writing = WRITERS[form](_Rows(file, pa.array(ids, pa.string())))
        try:
            async with aclosing(self._given(writing)) as given:
                yield given
        finally:
            with anyio.CancelScope(shield=True):
                await self._threads.run(partial(_close, writing, file))

    async def _given(self, writing: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
        while (piece := await self._threads.run(partial(next_piece, writing))) is not None:
            if piece:
                yield piece


class _Rows:
    """The rows of some ids, gathered to groups."""

    def __init__(self, file: Any, ids: pa.Array) -> None:
        self._file = file
        self._ids = ids
        columns = [one for one in file.schema_arrow.remove_metadata() if one.name not in LEFT_OUT]
        self.schema = pa.schema(columns)

    def groups(self) -> Iterator[pa.Table]:
        pieces = self._file.iter_batches(PIECE_ROWS, columns=self.schema.names)
        held: list[pa.RecordBatch] = []
        rows = size = 0
        for piece in pieces:
            wanted = piece.filter(pc.is_in(piece.column("id"), value_set=self._ids))
            held.append(wanted.select(self.schema.names))
            rows += wanted.num_rows
            size += wanted.nbytes
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                yield pa.Table.from_batches(held, self.schema)
                held, rows, size = [], 0, 0
        if rows:
            yield pa.Table.from_batches(held, self.schema)


class _Sink:
    """A file that is only written to, and gives away what was."""

    def __init__(self) -> None:
        self.closed = False
        self._held = bytearray()

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def taken(self) -> bytes:
        taken, self._held = bytes(self._held), bytearray()
        return taken


def _parquet(rows: _Rows) -> Generator[bytes, None, None]:
    sink = _Sink()
    with pq.ParquetWriter(sink, rows.schema, compression="zstd", compression_level=1) as writer:
        for group in rows.groups():
            writer.write_table(group)
            yield sink.taken()
    yield sink.taken()


def _csv(rows: _Rows) -> Generator[bytes, None, None]:
    sink = _Sink()
    with pyarrow.csv.CSVWriter(sink, rows.schema) as writer:
        for group in rows.groups():
            writer.write_table(_of_text(group))
            yield sink.taken()
    yield sink.taken()


WRITERS: dict[Form, Callable[[_Rows], Generator[bytes, None, None]]] = {
    "csv": _csv,
    "parquet": _parquet,
}


def _of_text(rows: pa.Table) -> pa.Table:
    """Put a quotation mark before what a spreadsheet would run."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            cells = rows.column(place)
            is_formula = pc.match_substring_regex(cells, FORMULA)
            marked = pc.binary_join_element_wise(QUOTE, cells, "")
            rows = rows.set_column(place, field, pc.if_else(is_formula, marked, cells))
    return rows


def _close(writing: Generator[bytes, None, None], file: Any) -> None:
    writing.close()
    file.close()
