"""The rows of a collection in the Lance table and in the public files, piece by piece."""

from collections.abc import Iterator
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from services.cli.domain.kept import Rows
from shared.errors import ConfigurationError, MapstreamError
from shared.plain_paths import plain_path

TABLE = "store.lance"
LOGS = "logs.parquet"
EMBEDDINGS = "embeddings.parquet"
VERSION = b"mapstream.dataset_version"
READ_BYTES = 8 << 20
OTHERS = ("timestamp", "iteration", "idx_in_iteration", "type", "attributes", "arrived_at")
OWN = ("batch_id", "source_version", "model_version")


class KeptRows:
    """The folder of a collection."""

    def __init__(self, folder: Path) -> None:
        """Take the folder that has ``logs.parquet`` in it."""
        self.folder = folder

    @cached_property
    def _table(self) -> Any:
        """The newest version of the table when it was first asked for; none if there is none.

        Raises:
            ConfigurationError: It cannot be read.
        """
        path = self.folder / TABLE
        if not any((path / "_versions").glob("*.manifest")):
            return None
        try:
            return lance.dataset(plain_path(path))
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigurationError(f"{path}: cannot be read: {error}") from error

    def newest_version(self) -> int:
        """Return the version of the table by now; 0: there is none."""
        return 0 if self._table is None else int(self._table.latest_version)

    def row_count(self) -> int:
        """Return how many rows the table has."""
        return 0 if self._table is None else int(self._table.count_rows())

    def rows(self) -> Iterator[Rows]:
        """Read the rows of the table."""
        if self._table is None:
            return
        others = [name for name in OTHERS if name in self._table.schema.names]
        columns = ["id", "filename", "text", *others, *OWN, "x", "y", "vector"]
        for some in self._scan(columns):
            yield _rows(some, some.column("vector"), ("x", "y"), OWN)

    def vectors(self) -> Iterator[NDArray[np.float32]]:
        """Read the vectors of the table."""
        if self._table is not None:
            for some in self._scan(["vector"]):
                yield _numbers(some.column("vector"))

    def names(self) -> Iterator[tuple[str, str]]:
        """Read id and filename of every row of the table."""
        if self._table is not None:
            for some in self._scan(["id", "filename"]):
                pair = (some.column("id").to_pylist(), some.column("filename").to_pylist())
                yield from zip(*pair, strict=True)

    def _scan(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Read columns of the table.

        Raises:
            ConfigurationError: They cannot be read.
        """
        size = rows_at_once(self._table.schema.field("vector").type.list_size)
        try:
            for some in self._table.to_batches(columns=columns, batch_size=size):
                if some.num_rows:
                    yield some
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigurationError(f"{self.folder / TABLE}: cannot be read: {error}") from error

    def files_version(self) -> int | None:
        """Return the dataset version that the public files say they show."""
        try:
            marks = pq.read_schema(plain_path(self.folder / LOGS)).metadata or {}
            return int(marks[VERSION])
        except (OSError, KeyError, ValueError, pa.ArrowException):
            return None

    def has_public_vectors(self) -> bool:
        """Tell whether there is a file of vectors."""
        return (self.folder / EMBEDDINGS).exists()

    def public_rows(self) -> Iterator[Rows]:
        """Read the rows of the public files, one beside the other.

        Raises:
            MapstreamError: They are missing or damaged, or do not belong together.
        """
        try:
            yield from self._public_rows()
        except (OSError, ValueError, pa.ArrowException) as error:
            raise MapstreamError(f"cannot be read: {error}") from error

    def _public_rows(self) -> Iterator[Rows]:
        logs = pq.ParquetFile(plain_path(self.folder / LOGS))
        if not self.has_public_vectors():
            for some in logs.iter_batches(batch_size=rows_at_once(1)):
                yield _rows(some, None, ("projection_x", "projection_y"), ())
            return
        beside = pq.ParquetFile(plain_path(self.folder / EMBEDDINGS))
        marks = [(one.schema_arrow.metadata or {}).get(VERSION) for one in (logs, beside)]
        if marks[0] != marks[1]:
            raise MapstreamError(
                f"{LOGS} and {EMBEDDINGS} are of the versions {_text(marks[0])} and "
                f"{_text(marks[1])} of the dataset"
            )
        size = rows_at_once(beside.schema_arrow.field("vector").type.list_size)
        both = zip_longest(logs.iter_batches(size), beside.iter_batches(size))
        for some, vectors in both:
            if some is None or vectors is None or some.column("id") != vectors.column("id"):
                raise MapstreamError(f"{LOGS} and {EMBEDDINGS} do not have the same ids in a row")
            yield _rows(some, vectors.column("vector"), ("projection_x", "projection_y"), ())


def rows_at_once(dimension: int) -> int:
    """Return how many rows to read at a time, so that their vectors stay within bounds."""
    return max(128, min(16_384, READ_BYTES // (4 * dimension)))


def _rows(
    some: pa.RecordBatch, vectors: pa.Array | None, axes: tuple[str, str], own: tuple[str, ...]
) -> Rows:
    others = [_plain(some, name) for name in OTHERS]
    points = [some.column(name).to_numpy(zero_copy_only=False) for name in axes]
    keys = {f"{name}s": some.column(name).to_pylist() for name in own}
    return Rows(
        ids=some.column("id").to_pylist(),
        filenames=some.column("filename").to_pylist(),
        texts=some.column("text").to_pylist(),
        others=list(zip(*others, strict=True)),
        vectors=None if vectors is None else _numbers(vectors),
        points=np.column_stack(points).astype(np.float32),
        **keys,
    )


def _plain(some: pa.RecordBatch, name: str) -> list[object]:
    """Return a column as plain values; one that an older version did not write is empty."""
    if name not in some.schema.names:
        return [None] * some.num_rows
    column = some.column(name)
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return list(column.to_pylist())


def _numbers(vectors: pa.FixedSizeListArray) -> NDArray[np.float32]:
    flat = vectors.flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat.reshape(len(vectors), -1))


def _text(mark: bytes | None) -> str:
    return "none" if mark is None else mark.decode(errors="replace")
