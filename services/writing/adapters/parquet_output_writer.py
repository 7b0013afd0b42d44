"""The public files, ``<folder>/logs.parquet`` and ``<folder>/embeddings.parquet``."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pyarrow as pa
import pyarrow.parquet as pq

from services.writing.adapters.durable_files import (
    TEMPORARY,
    disk_errors,
    put_in_place,
    replace_text,
    sync,
    temporary,
)
from services.writing.adapters.process_memory import give_back_memory
from services.writing.adapters.public_columns import FIXED, STORED, STORED_AS, LogsColumns
from services.writing.ports import PublishedFiles, Snapshot
from shared.contracts.projection import ProjectionModel
from shared.failpoints import Failpoint, reached
from shared.plain_paths import plain_path

TOLD = "told.json"
"""Of which files it was told that they are there."""
UNKNOWN_DIMENSION = 1
"""Of the column ``vector`` while there was never a row; the type must say something."""
GROUP_ROWS = 122_880
"""What DuckDB reads in one thread at a time."""
GROUP_BYTES = 64 << 20
FORMAT = 3
"""Of the public files: those of another are written anew."""
NOT_ALIKE = ("id", "text", "attributes", "final_answer")
"""Of these, statistics are of no use."""


@dataclass(frozen=True, slots=True)
class _File:
    """One file: its columns, how they are written, and what they are made of."""

    name: str
    schema: pa.Schema
    options: dict[str, Any]
    stored: Sequence[str]
    """The columns of the dataset that are needed."""
    fill: Callable[[pa.Table], pa.Table]


def _logs_file(columns: LogsColumns) -> _File:
    # Statistics let readers skip row groups; of ids (hashes) and texts they would be of no use.
    with_statistics = [name for name in FIXED if name not in NOT_ALIKE]
    options = {"use_dictionary": ["filename", "type"], "write_statistics": with_statistics}
    stored = [STORED_AS.get(name, name) for name in STORED]
    return _File("logs.parquet", columns.schema, options, stored, columns.fill)


def _embeddings_file(dimension: int) -> _File:
    # Split into byte streams, floats shrink a fifth and are read faster than uncompressed ones.
    schema = pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32(), dimension))])
    options = {
        "use_dictionary": False,
        "write_statistics": False,
        "use_byte_stream_split": ["vector.list.element"],
    }
    cast = partial(_as_they_are, schema=schema)
    return _File("embeddings.parquet", schema, options, schema.names, cast)


def _as_they_are(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays([rows.column(name) for name in schema.names], schema=schema)


class ParquetOutputWriter:
    """Writes beside, flushes, renames; ``logs.parquet`` last, so that it settles the version."""

    def __init__(self, folder: Path, *, has_embeddings: bool) -> None:
        self._folder = folder
        self._has_embeddings = has_embeddings
        self._limiter = anyio.CapacityLimiter(1)
        self._published: PublishedFiles | None = None
        self._is_known = False

    async def published(self) -> PublishedFiles | None:
        """Return what the files hold; none if they are missing, damaged or of two versions.

        The first call deletes what a crash left unfinished.
        """
        if not self._is_known:
            self._published = await anyio.to_thread.run_sync(self._look, limiter=self._limiter)
            self._is_known = True
        return self._published

    async def write(
        self, snapshot: Snapshot, *, collection: str, model: ProjectionModel | None
    ) -> PublishedFiles:
        """Replace the files by a snapshot; readers see the old ones or the new ones, whole.

        Raises:
            DiskFullError: There is no room; the old files stay.
            TransientError: The files could not be written; the old ones stay.
        """
        await self.published()
        self._is_known = False
        work = partial(self._write, snapshot, collection, model)
        self._published = await anyio.to_thread.run_sync(work, limiter=self._limiter)
        self._is_known = True
        return self._published

    async def told(self) -> PublishedFiles | None:
        """Return the files of which it was noted that they were told, if any."""
        return await anyio.to_thread.run_sync(self._read_told, limiter=self._limiter)

    async def note_told(self, files: PublishedFiles) -> None:
        """Note that everybody was told of these files, for good.

        Raises:
            TransientError: It could not be noted; they will be told again.
        """
        await anyio.to_thread.run_sync(self._note_told, files, limiter=self._limiter)

    def _read_told(self) -> PublishedFiles | None:
        try:
            return PublishedFiles(**json.loads((self._folder / TOLD).read_text()))
        except (OSError, ValueError, TypeError):  # they are told again
            return None

    def _note_told(self, files: PublishedFiles) -> None:
        with disk_errors(f"what was told of the public files in {self._folder}"):
            replace_text(self._folder / TOLD, json.dumps(asdict(files)) + "\n")

    def _look(self) -> PublishedFiles | None:
        if not self._folder.exists():
            return None
        for stale in self._folder.glob(f"{TEMPORARY}*.parquet"):
            stale.unlink()
        logs = _read_marks(self._folder / "logs.parquet")
        path = self._folder / "embeddings.parquet"
        if path.exists() != self._has_embeddings:
            return None
        if self._has_embeddings and _read_marks(path) != logs:
            return None
        return logs

    def _write(
        self, snapshot: Snapshot, collection: str, model: ProjectionModel | None
    ) -> PublishedFiles:
        files = [_logs_file(LogsColumns.of(snapshot))]
        if self._has_embeddings:
            files.insert(0, _embeddings_file(snapshot.state.dimension or UNKNOWN_DIMENSION))
        marks = _marks(snapshot, collection, model)
        with disk_errors(f"the public files in {self._folder}"):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                for file in files:
                    self._write_file(file, snapshot, marks)
                for file in files:
                    path = self._folder / file.name
                    put_in_place(temporary(path), path)
                    reached(Failpoint.BETWEEN_RENAMES)
            finally:
                for file in files:
                    temporary(self._folder / file.name).unlink(missing_ok=True)
            if not self._has_embeddings:
                (self._folder / "embeddings.parquet").unlink(missing_ok=True)
                sync(self._folder)
        give_back_memory()
        state = snapshot.state
        version = model.version if model else None
        return PublishedFiles(state.dataset_version, version, state.rows)

    def _write_file(self, file: _File, snapshot: Snapshot, marks: dict[str, str]) -> None:
        with pq.ParquetWriter(
            plain_path(temporary(self._folder / file.name)),
            file.schema.with_metadata(marks),
            compression="zstd",
            compression_level=1,
            **file.options,
        ) as writer:
            for group in _groups(snapshot.scan(file.stored)):
                rows = file.fill(pa.Table.from_batches(group))
                writer.write_table(rows, row_group_size=GROUP_ROWS)
                reached(Failpoint.IN_SNAPSHOT)


def _marks(snapshot: Snapshot, collection: str, model: ProjectionModel | None) -> dict[str, str]:
    """Return what a file says of itself; without a model, the two marks of it are missing."""
    state = snapshot.state
    marks = {
        "mapstream.collection": collection,
        "mapstream.dataset_version": str(state.dataset_version),
        "mapstream.records": str(state.rows),
        "mapstream.format": str(FORMAT),
    }
    if model is not None:
        marks["mapstream.model_version"] = str(model.version)
        marks["mapstream.model"] = model.model_dump_json()
    return marks


def _read_marks(path: Path) -> PublishedFiles | None:
    try:
        marks = pq.read_schema(plain_path(path)).metadata or {}
        model_version = marks.get(b"mapstream.model_version")
        if marks.get(b"mapstream.format") != str(FORMAT).encode():
            return None
        return PublishedFiles(
            int(marks[b"mapstream.dataset_version"]),
            None if model_version is None else int(model_version),
            int(marks[b"mapstream.records"]),
        )
    except (OSError, pa.ArrowException, KeyError, ValueError):
        return None


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Gather pieces of a scan to row groups of bounded size."""
    group: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        group.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= GROUP_ROWS or size >= GROUP_BYTES:
            yield group
            group, rows, size = [], 0, 0
    if group:
        yield group
