"""Single records of ``<folder>/<collection>/logs.parquet``."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.gateway.adapters.published_files import (
    LOGS,
    FewThreads,
    disk_errors,
    may_have,
    open_file,
    taken,
)
from services.gateway.ports.records import COLUMNS, FoundRecord, Step

THREADS = 2
SOURCE = "filename"
ORDER = ("iteration", "idx_in_iteration")
"""What the records of a source are ordered by; ids are made of it, so no two are alike."""
STEP = ("id", "iteration", "type", "text")


@dataclass(frozen=True, slots=True)
class _Steps:
    """The records of a source, as they stand in the file: three columns of one length."""

    group: NDArray[np.int64]
    row: NDArray[np.int64]
    order: NDArray[np.int64]
    """Of two records, the former has the smaller number."""

    def last_of(self, which: NDArray[np.bool_]) -> int | None:
        """Return the last of some."""
        among = np.flatnonzero(which)
        return int(among[self.order[among].argmax()]) if among.size else None

    def first_of(self, which: NDArray[np.bool_]) -> int | None:
        """Return the first of some."""
        among = np.flatnonzero(which)
        return int(among[self.order[among].argmin()]) if among.size else None


class ParquetRecordReader:
    """Looks records up in the file as it is now.

    The file says of each group of rows between which names its sources are, and nothing of ids,
    which are hashes: where no source is told, every group may have the record.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = FewThreads(THREADS)

    async def find(
        self, collection: str, key: str, source: str | None = None
    ) -> FoundRecord | None:
        """See the port."""
        path = self._folder / collection / LOGS
        return await self._threads.run(partial(_find, path, key, source))


def _find(path: Path, key: str, source: str | None) -> FoundRecord | None:
    file = open_file(path, numbered=[SOURCE])
    if file is None:
        return None
    with disk_errors(), file:
        found = None if source is None else _found_in(file, key, source)
        if found is None and (true := _source_of(file, key)) is not None:
            found = _found_in(file, key, true)
    return found


def _source_of(file: Any, key: str) -> str | None:
    """Look an id up in one group after the other."""
    for group in range(file.num_row_groups):
        ids = file.read_row_group(group, columns=["id"]).column("id")
        row = pc.index(ids, key).as_py()
        if row >= 0:
            return str(file.read_row_group(group, columns=[SOURCE]).column(SOURCE)[row])
    return None


def _found_in(file: Any, key: str, source: str) -> FoundRecord | None:
    """Read a record and those beside it in its source; nothing if it is of another."""
    steps = _steps_of(file, source)
    own = _number_of(file, key, steps)
    if own is None:
        return None
    before = steps.order < steps.order[own]
    previous = steps.last_of(before)
    after = steps.first_of(steps.order > steps.order[own])
    rows = _rows(file, steps, [one for one in (previous, own, after) if one is not None])
    return FoundRecord(
        columns=rows[own],
        place=int(before.sum()),
        steps=before.size,
        previous=None if previous is None else _step(rows[previous]),
        next=None if after is None else _step(rows[after]),
    )


def _steps_of(file: Any, source: str) -> _Steps:
    parts = [np.empty((3, 0), np.int64)]
    for group in range(file.num_row_groups):
        if not may_have(file.metadata.row_group(group), source):
            continue
        columns = file.read_row_group(group, columns=[SOURCE, *ORDER])
        rows = pc.indices_nonzero(pc.equal(columns.column(SOURCE), source)).to_numpy()
        first, second = (columns.column(one).to_numpy()[rows].astype(np.int64) for one in ORDER)
        parts.append(np.stack([np.full(rows.size, group), rows, (first << 32) + second]))
    return _Steps(*np.concatenate(parts, axis=1))


def _number_of(file: Any, key: str, steps: _Steps) -> int | None:
    """Look an id up among the records of a source, in one group after the other."""
    for group in np.unique(steps.group).tolist():
        ids = file.read_row_group(group, columns=["id"]).column("id")
        row = pc.index(ids, key).as_py()
        if row >= 0:
            found = np.flatnonzero((steps.group == group) & (steps.row == row))
            return int(found[0]) if found.size else None
    return None


def _rows(file: Any, steps: _Steps, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Read what is told of some records, those of a group together."""
    found: dict[int, dict[str, Any]] = {}
    for group in {int(steps.group[one]) for one in numbers}:
        here = {int(steps.row[one]): one for one in numbers if steps.group[one] == group}
        places = sorted(here)
        rows = [row for piece in taken(file, group, places, COLUMNS) for row in piece.to_pylist()]
        found |= {here[place]: row for place, row in zip(places, rows, strict=True)}
    return found


def _step(row: dict[str, Any]) -> Step:
    return Step(**{name: row[name] for name in STEP})
