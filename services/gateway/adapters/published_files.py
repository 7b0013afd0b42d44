"""The files that writing publishes in ``<folder>/<collection>``: opened, and read in threads."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from shared.errors import TransientError
from shared.plain_paths import plain_path

LOGS = "logs.parquet"
EMBEDDINGS = "embeddings.parquet"
PIECE_ROWS = 8192
Result = TypeVar("Result")
log = structlog.get_logger(__name__)


class FewThreads:
    """Runs work on files in threads, a bounded number at a time; the rest waits."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limiter: anyio.CapacityLimiter | None = None

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do some work, and return what comes of it."""
        if self._limiter is None:  # not before there is a loop
            self._limiter = anyio.CapacityLimiter(self._most)
        return await anyio.to_thread.run_sync(work, limiter=self._limiter)


@contextmanager
def disk_errors() -> Iterator[None]:
    """Say of a file that cannot be read why, without the folders of this machine.

    Raises:
        TransientError: It cannot be read.
    """
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        # What it says may name folders of this machine; callers need not know those.
        log.warning("map.unreadable", error=repr(error))
        why = getattr(error, "strerror", None) or "its file is damaged"
        raise TransientError(f"the map cannot be read: {why}") from error


def open_file(path: Path, *, numbered: Sequence[str] = ()) -> Any:
    """Open a Parquet file; nothing if there is none yet.

    Args:
        path: Where it is.
        numbered: Columns of few different words, whose values are read as numbers of these.

    Raises:
        TransientError: It cannot be read.
    """
    with disk_errors():
        try:
            return pq.ParquetFile(plain_path(path), read_dictionary=list(numbered))
        except FileNotFoundError:
            return None


def next_piece(pieces: Iterator[Result]) -> Result | None:
    """Read the next piece of a file; nothing after the last.

    Raises:
        TransientError: It cannot be read.
    """
    with disk_errors():
        return next(pieces, None)


def matrix(vectors: Any) -> npt.NDArray[np.float32]:
    """Give a column of vectors the form (rows, dimensions)."""
    flat: npt.NDArray[np.float32] = vectors.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, vectors.type.list_size)


def may_have(group: Any, filename: str) -> bool:
    """Tell whether a group of rows may have some of a source, by what the file says of it."""
    for number in range(group.num_columns):
        column = group.column(number)
        if column.path_in_schema == "filename" and column.is_stats_set:
            told = column.statistics
            return not told.has_min_max or told.min <= filename <= told.max
    return True


def taken(
    file: Any, group: int, places: Sequence[int], columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Read some rows of a group, and of it only what stands before the last of them.

    Args:
        file: An open file.
        group: The number of the group.
        places: Where the rows stand in it, ascending.
        columns: Those that are wanted.
    """
    if not places:
        return
    skipped = done = 0
    for piece in file.iter_batches(PIECE_ROWS, row_groups=[group], columns=list(columns)):
        end = bisect_left(places, skipped + len(piece), done)
        here = np.array(places[done:end], np.int64) - skipped
        yield piece.take(pa.array(here, pa.int64()))
        done = end
        skipped += len(piece)
        if done == len(places):
            return
