"""The public files as writing publishes them: ``<folder>/<collection>/logs.parquet``."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from services.gateway.adapters.published_files import (
    EMBEDDINGS,
    LOGS,
    FewThreads,
    disk_errors,
    next_piece,
    open_file,
)
from services.gateway.ports import FileFacts, MapMarks, OpenMap
from shared.errors import TransientError

FILES = (LOGS, EMBEDDINGS)
COLUMNS = {
    "id": "id",
    "x": "projection_x",
    "y": "projection_y",
    "type": "type",
    "filename": "filename",
    "iteration": "iteration",
    "timestamp": "timestamp",
    "source_version": "source_version",
}
"""Of the map: what they are called in the file."""
PIECE_ROWS = 16_384
THREADS = 4
"""Files read at a time; a map of millions of points must not take every thread."""
Result = TypeVar("Result")
log = structlog.get_logger(__name__)


class ParquetMapReader:
    """Opens the files as they are now; writing replaces them whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = FewThreads(THREADS)
        self._seen: dict[str, tuple[tuple[int, int, int], MapMarks]] = {}

    async def marks(self, collection: str) -> MapMarks | None:
        """Return what the map says of itself; nothing if there is none yet.

        Raises:
            TransientError: It could not be read.
        """
        return await self._threads.run(partial(self._look, collection))

    async def files(self, collection: str) -> Sequence[FileFacts]:
        """List the files that are there.

        Raises:
            TransientError: The folder could not be read.
        """
        return await self._threads.run(partial(_facts, self._folder / collection))

    @asynccontextmanager
    async def open(self, collection: str) -> AsyncIterator[OpenMap | None]:
        """Open the map; nothing if there is none yet.

        Raises:
            TransientError: It could not be read.
        """
        path = self._folder / collection / LOGS
        file = await self._threads.run(partial(open_file, path))
        try:
            yield None if file is None else _OpenParquet(file, self._threads.run)
        finally:
            if file is not None:
                with anyio.CancelScope(shield=True):
                    await self._threads.run(file.close)

    def _look(self, collection: str) -> MapMarks | None:
        path = self._folder / collection / LOGS
        with disk_errors():
            try:
                stat = path.stat()
            except FileNotFoundError:
                return None
            key = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            known = self._seen.get(collection)
            if known and known[0] == key:
                return known[1]
            marks = _marks(pq.read_schema(path))
            self._seen[collection] = (key, marks)
            return marks


class _OpenParquet:
    """An open ``logs.parquet``."""

    def __init__(self, file: Any, run: Callable[..., Any]) -> None:
        self._file = file
        self._run = run
        self.marks = _marks(file.schema_arrow)

    async def batches(self) -> AsyncGenerator[pa.RecordBatch, None]:
        """Read the columns of the map in pieces of bounded size.

        Raises:
            TransientError: The file could not be read.
        """
        pieces = self._file.iter_batches(PIECE_ROWS, columns=list(COLUMNS.values()))
        while (piece := await self._run(partial(next_piece, pieces))) is not None:
            yield pa.RecordBatch.from_arrays(
                [piece.column(name) for name in COLUMNS.values()], names=list(COLUMNS)
            )


def _facts(folder: Path) -> list[FileFacts]:
    found = []
    with disk_errors():
        for name in FILES:
            try:
                stat = (folder / name).stat()
            except FileNotFoundError:
                continue
            found.append(FileFacts(name, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC)))
    return found


def _marks(schema: pa.Schema) -> MapMarks:
    if missing := set(COLUMNS.values()) - set(schema.names):
        raise TransientError(f"{LOGS} has no {sorted(missing)} yet: writing will write it anew")
    marks = schema.metadata or {}
    model_version = marks.get(b"mapstream.model_version")
    try:
        return MapMarks(
            dataset_version=int(marks[b"mapstream.dataset_version"]),
            model_version=None if model_version is None else int(model_version),
            records=int(marks[b"mapstream.records"]),
        )
    except (KeyError, ValueError) as error:
        raise TransientError(f"{LOGS} was not written by mapstream: {error}") from error
