"""Finds records in ``<folder>/<collection>/logs.parquet``: by words, and by many ids."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from services.gateway.adapters.published_files import (
    LOGS,
    PIECE_ROWS,
    FewThreads,
    disk_errors,
    open_file,
    taken,
)
from services.gateway.ports.search import Matches, Tally
from shared.plain_paths import plain_path
from shared.task_groups import TaskGroup

THREADS = 2
"""Readers at a time: a search reads every text."""
READERS = 2
"""Of one search, each of its part of the file."""
BRIEF = ("id", "timestamp", "filename", "text", "iteration", "type")


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a file that one reader looks through."""

    file: Any
    source: Any
    """What all of them read."""
    groups: range


@dataclass(frozen=True, slots=True)
class Part:
    """What was found in a part of a file."""

    values: Sequence[str]
    """Of a column, of the first records that fit."""
    total: int
    searched: int
    records: int
    """How many the whole file has."""


class ParquetRecordSearch:
    """Reads the file as it is now, from its beginning to its end, in pieces."""

    def __init__(
        self, folder: Path, *, patience_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._patience_s = patience_s
        self._clock = clock
        self._threads = FewThreads(THREADS)

    async def matching(
        self, collection: str, words: Sequence[str], most: int, within_s: float | None = None
    ) -> Matches | None:
        """See the port; never longer than ``patience_s``."""
        patience_s = min(within_s or self._patience_s, self._patience_s)
        parts = await self._read(collection, words, "id", most, patience_s)
        return None if parts is None else _together(parts, most)

    async def tally(self, collection: str, words: Sequence[str]) -> Tally | None:
        """See the port; never longer than ``patience_s``."""
        parts = await self._read(collection, words, "filename", None, self._patience_s)
        if parts is None:
            return None
        counts = Counter(name for part in parts for name in part.values)
        searched = sum(one.searched for one in parts)
        return Tally(counts, searched, parts[0].records)

    async def _read(
        self,
        collection: str,
        words: Sequence[str],
        column: str,
        most: int | None,
        patience_s: float,
    ) -> list[Part] | None:
        """Look through the file, two parts of it at a time, and take a column of what fits."""
        is_over = partial(_is_over, self._clock, self._clock() + patience_s)
        shares = await self._threads.run(partial(_shares, self._path(collection)))
        if shares is None:
            return None
        look = partial(_matching, words=words, column=column, most=most, is_over=is_over)
        try:
            async with TaskGroup() as group:
                tasks = [
                    group.create_task(self._threads.run(partial(look, one))) for one in shares
                ]
        finally:
            shares[0].source.close()
        return [one.result() for one in tasks]

    async def some(self, collection: str, ids: Sequence[str]) -> Sequence[dict[str, Any]]:
        """Return records by their ids, in that order; those that are not there are left out.

        Raises:
            TransientError: The files could not be read.
        """
        return await self._threads.run(partial(_some, self._path(collection), ids))

    def _path(self, collection: str) -> Path:
        return self._folder / collection / LOGS


def _is_over(clock: Callable[[], float], until: float) -> bool:
    return clock() >= until


def _shares(path: Path) -> list[Share] | None:
    """Open a file for each of those who read it together, one part after the other."""
    with disk_errors():
        try:
            source = pa.OSFile(str(plain_path(path)))  # one, since the path may get another file
        except FileNotFoundError:
            return None
        first = pq.ParquetFile(source)
        groups = range(first.num_row_groups)
        size = -(-len(groups) // READERS)
        parts = [groups[start : start + size] for start in range(0, len(groups), size or 1)]
        files = [first, *(pq.ParquetFile(source) for _ in parts[1:])]
    return [Share(file, source, part) for file, part in zip(files, parts or [groups], strict=True)]


def _matching(
    share: Share, words: Sequence[str], column: str, most: int | None, is_over: Callable[[], bool]
) -> Part:
    """Look through a part of a file; of the column it reads no more than is told."""
    file = share.file
    values: list[str] = []
    total = searched = 0
    is_late = False
    with disk_errors():
        for group in share.groups:
            here: list[int] = []
            begin = searched
            for piece in file.iter_batches(PIECE_ROWS, row_groups=[group], columns=["text"]):
                here += (_having(piece.column("text"), words) + (searched - begin)).tolist()
                searched += len(piece)
                if is_late := is_over():
                    break
            total += len(here)
            told = here if most is None else here[: most - len(values)]
            for piece in taken(file, group, told, [column]):
                values += piece.column(column).to_pylist()
            if is_late:
                break
    return Part(values, total, searched, file.metadata.num_rows)


def _having(texts: Any, words: Sequence[str]) -> NDArray[np.int64]:
    """Return which texts have every word, upper and lower case alike."""
    found = np.arange(len(texts))
    for word in words:
        has = pc.match_substring(texts, word, ignore_case=True)
        here = pc.indices_nonzero(has)
        texts, found = texts.take(here), found[here.to_numpy()]
    return found


def _together(parts: Sequence[Part], most: int) -> Matches:
    """Put together what was found in the parts of a file."""
    return Matches(
        [key for part in parts for key in part.values][:most],
        sum(part.total for part in parts),
        sum(part.searched for part in parts),
        parts[0].records,
    )


def _some(path: Path, ids: Sequence[str]) -> list[dict[str, Any]]:
    file = open_file(path)
    if file is None:
        return []
    wanted = pa.array(ids, pa.string())
    found: dict[str, dict[str, Any]] = {}
    with disk_errors(), file:
        for group in range(file.num_row_groups):
            keys = file.read_row_group(group, columns=["id"]).column("id")
            here = pc.indices_nonzero(pc.is_in(keys, value_set=wanted)).to_pylist()
            if here:
                for piece in taken(file, group, here, BRIEF):
                    found |= {row["id"]: row for row in piece.to_pylist()}
            if len(found) == len(ids):
                break
    return [found[key] for key in ids if key in found]
