"""Single records of ``<folder>/<collection>/logs.parquet``."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from services.gateway.adapters.published_files import (
    LOGS,
    FewThreads,
    disk_errors,
    may_have,
    open_file,
)
from services.gateway.ports.records import FoundRecord, Step

THREADS = 2
PIECE_ROWS = 1024
ORDER = ("iteration", "idx_in_iteration")
"""What the records of a source are ordered by."""
STEP = ("id", "iteration", "type", "text")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a row stands in the file."""

    group: int
    row: int


class ParquetRecordReader:
    """Looks an id up in the file as it is now; ids are hashes, so every group may have it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = FewThreads(THREADS)

    async def find(self, collection: str, key: str) -> FoundRecord | None:
        """Return the record of an id, if there is one.

        Raises:
            TransientError: The file could not be read.
        """
        return await self._threads.run(partial(_find, self._folder / collection / LOGS, key))


def _find(path: Path, key: str) -> FoundRecord | None:
    file = open_file(path)
    if file is None:
        return None
    with disk_errors(), file:
        place = _place_of(file, key)
        return None if place is None else _record_at(file, place, key)


def _place_of(file: Any, key: str) -> _Place | None:
    for group in range(file.num_row_groups):
        ids = file.read_row_group(group, columns=["id"]).column("id")
        row = pc.index(ids, key).as_py()
        if row >= 0:
            return _Place(group, row)
    return None


def _record_at(file: Any, place: _Place, key: str) -> FoundRecord:
    columns = _row(file, place)
    others, places = _of_source(file, columns["filename"])
    own = others.index(key)

    def step(number: int) -> Step | None:
        if not 0 <= number < len(others):
            return None
        row = _row(file, places[number], STEP)
        return Step(**{name: row[name] for name in STEP})

    return FoundRecord(columns, own, len(others), step(own - 1), step(own + 1))


def _row(file: Any, place: _Place, columns: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Read one row, and of its group only what stands before it."""
    wanted = None if columns is None else list(columns)
    skipped = 0
    for piece in file.iter_batches(PIECE_ROWS, row_groups=[place.group], columns=wanted):
        if place.row < skipped + len(piece):
            return piece.slice(place.row - skipped, 1).to_pylist()[0]
        skipped += len(piece)
    raise pa.ArrowInvalid("a group of rows is shorter than it says")


def _of_source(file: Any, filename: str) -> tuple[list[str], list[_Place]]:
    """List the records of a source in their order: their ids, and where they stand."""
    found: list[tuple[int, int, str, _Place]] = []
    for group in range(file.num_row_groups):
        if not may_have(file.metadata.row_group(group), filename):
            continue
        rows = file.read_row_group(group, columns=["id", "filename", *ORDER])
        here = pc.indices_nonzero(pc.equal(rows.column("filename"), filename))
        some = rows.select([*ORDER, "id"]).take(here)
        numbers = zip(*(some.column(name).to_pylist() for name in (*ORDER, "id")), strict=True)
        found += [
            (first, second, key, _Place(group, row))
            for (first, second, key), row in zip(numbers, here.to_pylist(), strict=True)
        ]
    found.sort(key=lambda one: one[:3])
    return [one[2] for one in found], [one[3] for one in found]
