"""Compares the vectors of ``<folder>/<collection>/embeddings.parquet``, every one of them."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from services.gateway.adapters.published_files import (
    EMBEDDINGS,
    FewThreads,
    disk_errors,
    matrix,
    open_file,
)
from services.gateway.domain.likeness import Nearest
from services.gateway.ports.search import Alike, NoVectorsError

THREADS = 1
"""One at a time: it uses every core as it is."""
PIECE_ROWS = 8192


class ParquetVectorSearch:
    """Exact: nothing is built before, and nothing is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = FewThreads(THREADS)

    async def neighbours(self, collection: str, key: str, most: int) -> Alike | None:
        """Find the records nearest to one, itself left out; nothing if it has no vector there.

        Raises:
            NoVectorsError: The vectors are not published.
            TransientError: The files could not be read.
        """
        return await self._threads.run(
            partial(_neighbours, self._folder / collection / EMBEDDINGS, key, most)
        )


def _neighbours(path: Path, key: str, most: int) -> Alike | None:
    file = open_file(path)
    if file is None:
        raise NoVectorsError(
            "the vectors of this collection are not published: setting output.embeddings "
            "turns them on, or there is no map yet"
        )
    with disk_errors(), file:
        own = _vector_of(file, key)
        return None if own is None else _nearest(file, key, own, most)


def _vector_of(file: Any, key: str) -> npt.NDArray[np.float32] | None:
    for group in range(file.num_row_groups):
        ids = file.read_row_group(group, columns=["id"]).column("id")
        row = pc.index(ids, key).as_py()
        if row >= 0:
            return _vector_at(file, group, row)
    return None


def _vector_at(file: Any, group: int, row: int) -> npt.NDArray[np.float32]:
    skipped = 0
    for piece in file.iter_batches(PIECE_ROWS, row_groups=[group], columns=["vector"]):
        if row < skipped + len(piece):
            own: npt.NDArray[np.float32] = matrix(piece.column("vector"))[row - skipped]
            return own
        skipped += len(piece)
    raise pa.ArrowInvalid("a group of rows is shorter than it says")


def _nearest(file: Any, key: str, own: npt.NDArray[np.float32], most: int) -> Alike:
    best = Nearest(own, most + 1)
    compared = 0
    for piece in file.iter_batches(PIECE_ROWS, columns=["id", "vector"]):
        ids = piece.column("id")
        best.add(matrix(piece.column("vector")), partial(_names, ids))
        compared += len(piece)
    found = [one for one in best.found() if one[1] != key][:most]
    return Alike([one[1] for one in found], [one[0] for one in found], compared - 1)


def _names(ids: Any, rows: Sequence[int]) -> list[str]:
    return [str(one) for one in ids.take(pa.array(rows, pa.int64())).to_pylist()]
