"""Gives the rows of a Lance table the coordinates of another plane.

Only the columns x, y and model_version are written again, one new file per fragment, while
commits go on; a single commit then makes all of them the present ones.
"""

from dataclasses import dataclass

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.writing.adapters.lance_layout import (
    COORDINATES,
    IO_BUFFER_BYTES,
    batch_rows,
    lance_errors,
)
from services.writing.adapters.lance_table import LanceTable
from services.writing.domain.displacement import Displacement, measure_distances, summarise
from shared.contracts.batches import vectors_of
from shared.errors import InvalidMessage
from shared.failpoints import Failpoint, reached
from shared.plane import Plane

_ROW = "_rowid"
_JOIN_SCHEMA = pa.schema(
    [
        (_ROW, pa.uint64()),
        ("x", pa.float32()),
        ("y", pa.float32()),
        ("model_version", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class _Rewritten:
    before: str
    """The fragment that was read; if it is another at the end, the work is done again."""
    fragment: lance.FragmentMetadata
    fields: list[int]
    distances: NDArray[np.float32]


class TableReprojection:
    """One change of plane, for one thread at a time.

    Raises:
        InvalidMessage: The plane is of another dimension than the stored vectors.
        TransientError: The table could not be read.
    """

    def __init__(self, table: LanceTable, plane: Plane, model_version: int) -> None:
        dimension = table.load().dimension
        if dimension not in (None, plane.dimension):
            raise InvalidMessage(f"a plane of dimension {plane.dimension} for {dimension}")
        self._table = table
        self._plane = plane
        self._version = model_version
        self._todo = [fragment.fragment_id for fragment in table.fragments()]
        self._done: dict[int, _Rewritten] = {}

    def step(self) -> bool:
        """Compute the next of the fragments there were at the beginning; tell if there are more.

        Raises:
            DiskFullError: There is no room.
            TransientError: The table could not be read or written.
        """
        self._table.load()
        while self._todo:
            key = self._todo.pop()
            with lance_errors():
                if self._table.dataset.get_fragment(key) is not None:
                    self._done[key] = self._rewrite(key)
                    break
        return bool(self._todo)

    def finish(self) -> Displacement:
        """Compute what is new or has changed, and commit all.

        Raises:
            DiskFullError: There is no room.
            TransientError: The table could not be read or written.
        """
        self._table.load()
        done = []
        for fragment in self._table.fragments():
            rewritten = self._done.pop(fragment.fragment_id, None)
            if rewritten is None or rewritten.before != _identity(fragment):
                with lance_errors():
                    rewritten = self._rewrite(fragment.fragment_id)
            done.append(rewritten)
        fields = sorted({field for item in done for field in item.fields})
        reached(Failpoint.REPROJECTED)
        self._table.commit_columns([item.fragment for item in done], fields, self._version)
        return summarise([item.distances for item in done])

    def _rewrite(self, key: int) -> _Rewritten:
        dataset = self._table.dataset
        joined, distances = [], []
        for rows in dataset.get_fragment(key).to_batches(
            columns=["vector", "x", "y"],
            with_row_id=True,
            batch_size=batch_rows(dataset),
            batch_readahead=2,
            io_buffer_size=IO_BUFFER_BYTES,
        ):
            places = self._plane.project(vectors_of(rows.column("vector")))
            distances.append(measure_distances(_places(rows), places))
            joined.append(self._columns(rows.column(_ROW), places))
        fragment = dataset.get_fragment(key)
        before = _identity(fragment)
        # The rows are joined by their address, so rows that are marked as deleted stay apart.
        after, fields = fragment.update_columns(pa.Table.from_batches(joined, _JOIN_SCHEMA))
        return _Rewritten(before, after, fields, np.concatenate(distances))

    def _columns(self, ids: pa.Array, places: NDArray[np.float32]) -> pa.RecordBatch:
        versions = np.full(len(ids), self._version, np.int32)
        columns = (places[:, 0], places[:, 1], versions)
        named = dict(zip(COORDINATES, map(pa.array, columns), strict=True))
        return pa.record_batch({_ROW: ids, **named}, schema=_JOIN_SCHEMA)


def _identity(fragment: lance.LanceFragment) -> str:
    return str(fragment.metadata)


def _places(rows: pa.RecordBatch) -> NDArray[np.float32]:
    return np.stack([rows.column(name).to_numpy() for name in ("x", "y")], axis=1)
