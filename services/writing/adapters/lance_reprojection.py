"""Gives the rows of a Lance table the coordinates of another plane.

Only the columns x, y and model_version are written again, one new file per fragment, while
commits go on; a single commit then makes all of them the present ones. Rows that were removed
meanwhile cost nothing: they are marked in a file of their own, which is taken over. What was
appended meanwhile is done in rounds of its own, until little is left for the end.
"""

from dataclasses import dataclass, replace

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.writing.adapters.lance_layout import (
    COORDINATES,
    IO_BUFFER_BYTES,
    batch_rows,
    lance_errors,
    sync_fragments,
)
from services.writing.adapters.lance_table import LanceTable
from services.writing.domain.displacement import Displacement, measure_distances, summarise
from shared.contracts.batches import vectors_of
from shared.errors import InvalidMessage
from shared.failpoints import Failpoint, reached
from shared.plane import Plane

_ROW = "_rowid"
LITTLE = 4
"""So many fragments at most are left for the end, at which nobody may write."""
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
    before: lance.FragmentMetadata
    """The fragment that was read; rows are removed from it, but it is never written to."""
    fragment: lance.FragmentMetadata
    fields: list[int]
    rows: NDArray[np.uint64]
    distances: NDArray[np.float32]

    def of(self, present: lance.LanceFragment) -> "_Rewritten":
        """Return the same without the rows that were removed meanwhile."""
        removed = present.metadata.deletion_file
        if str(removed) == str(self.before.deletion_file):
            return self
        left = present.to_table(columns=[], with_row_id=True).column(_ROW).to_numpy()
        kept = np.isin(self.rows, left, assume_unique=True)
        fragment = replace(self.fragment, deletion_file=removed)
        return replace(
            self, fragment=fragment, rows=self.rows[kept], distances=self.distances[kept]
        )


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
        self._round = table.load().rows

    def step(self) -> bool:
        """Compute the next fragment; tell if there are more than few.

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
        self._todo = self._todo or self._next_round()
        return bool(self._todo)

    def _next_round(self) -> list[int]:
        """Return what was appended, unless it is little, or comes as fast as it is computed."""
        new = [one for one in self._table.fragments() if one.fragment_id not in self._done]
        rows = sum(one.physical_rows for one in new)
        if len(new) <= LITTLE or rows >= self._round:
            return []
        self._round = rows
        return [one.fragment_id for one in new]

    def finish(self) -> Displacement:
        """Compute the little that is new, and commit all.

        Raises:
            DiskFullError: There is no room.
            TransientError: The table could not be read or written.
        """
        self._table.load()
        done = []
        for fragment in self._table.fragments():
            rewritten = self._done.pop(fragment.fragment_id, None)
            with lance_errors():
                if rewritten is None:
                    rewritten = self._rewrite(fragment.fragment_id)
                done.append(rewritten.of(fragment))
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
        # The rows are joined by their address, so rows that are marked as deleted stay apart.
        table = pa.Table.from_batches(joined, _JOIN_SCHEMA)
        after, fields = fragment.update_columns(table)
        sync_fragments(self._table.path, [after])  # now, while others may write
        read = table.column(_ROW).to_numpy()
        return _Rewritten(fragment.metadata, after, fields, read, np.concatenate(distances))

    def _columns(self, ids: pa.Array, places: NDArray[np.float32]) -> pa.RecordBatch:
        versions = np.full(len(ids), self._version, np.int32)
        columns = (places[:, 0], places[:, 1], versions)
        named = dict(zip(COORDINATES, map(pa.array, columns), strict=True))
        return pa.record_batch({_ROW: ids, **named}, schema=_JOIN_SCHEMA)


def _places(rows: pa.RecordBatch) -> NDArray[np.float32]:
    return np.stack([rows.column(name).to_numpy() for name in ("x", "y")], axis=1)
