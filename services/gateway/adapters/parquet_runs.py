"""The runs of ``<folder>/<collection>/logs.parquet``: the records of each source in order."""

from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.gateway.adapters.published_files import LOGS, FewThreads, disk_errors, open_file
from services.gateway.domain.runs import ROW, Paths
from services.gateway.ports.runs import PathStep, RunSteps, RunTable
from shared.plain_paths import plain_path

PIECE_ROWS = 16_384
ORDER = [("iteration", "ascending"), ("idx_in_iteration", "ascending"), ("id", "ascending")]
SAID = ("outcome", "final_answer")
TABLE = [
    "id", "filename", "iteration", "idx_in_iteration", "timestamp", *SAID, "projection_x",
    "projection_y", "type",
]  # fmt: skip
STEP = [*TABLE, "text"]
Result = TypeVar("Result")


class ParquetRunReader:
    """Reads the file as it is now; the table that was asked for last is kept until it changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = FewThreads(1)
        self._known: tuple[Any, RunTable] | None = None

    async def table(self, collection: str) -> RunTable | None:
        """See the port."""
        return await self._threads.run(partial(self._table, self._folder / collection / LOGS))

    async def steps(self, collection: str, name: str, most: int) -> RunSteps | None:
        """See the port."""
        return await self._threads.run(
            partial(_steps, self._folder / collection / LOGS, name, most)
        )

    def _table(self, path: Path) -> RunTable | None:
        with disk_errors():
            try:
                stat = path.stat()
                key = (path, stat.st_ino, stat.st_mtime_ns, stat.st_size)
                known = self._known
                if known is not None and known[0] == key:
                    return known[1]
                table = _read_table(path)
            except FileNotFoundError:
                return None
        self._known = (key, table)
        return table


def _read_table(path: Path) -> RunTable:
    with pq.ParquetFile(plain_path(path), read_dictionary=["filename"]) as file:
        rows = _with_said(file.read(columns=_known(file, TABLE)))
    rows = rows.filter(_is_step(rows)).drop_columns(["type"])
    names, codes = _numbered(rows.column("filename"))
    rows = rows.drop_columns(["filename"]).append_column("run", pa.array(codes))
    rows = rows.sort_by([("run", "ascending"), *ORDER])
    codes = rows.column("run").to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).astype(np.int64)
    ends = np.append(starts, len(codes))[1:] - 1
    x, y = (rows.column(f"projection_{axis}").to_numpy().astype(np.float64) for axis in "xy")
    times, paths = rows.column("timestamp"), Paths(x, y, starts)
    return RunTable(
        names=names,
        outcomes=_last_of_each(rows.column("outcome"), codes, len(starts)),
        answers=_last_of_each(rows.column("final_answer"), codes, len(starts)),
        begun=times.take(starts).to_pylist(),
        ended=times.take(ends).to_pylist(),
        paths=paths,
        distances=paths.distances(),
    )


def _numbered(filenames: Any) -> tuple[list[str], Any]:
    """Return the names in their order, and the number of each row's among them."""
    one = filenames.unify_dictionaries().combine_chunks()
    if isinstance(one, pa.ChunkedArray):
        one = pa.concat_arrays(one.chunks) if one.num_chunks else pa.array([], one.type)
    words = one.dictionary.to_pylist()
    codes = one.indices.to_numpy()
    used = sorted(np.unique(codes).tolist(), key=words.__getitem__)
    rank = np.zeros(len(words), np.int64)
    rank[used] = np.arange(len(used))
    return [words[code] for code in used], rank[codes]


def _known(file: Any, columns: list[str]) -> list[str]:
    return [one for one in columns if one in file.schema_arrow.names]


def _with_said(rows: pa.Table) -> pa.Table:
    """Add the columns of how runs ended to what an earlier release wrote."""
    for name in SAID:
        if name not in rows.schema.names:
            rows = rows.append_column(name, pa.nulls(len(rows), pa.string()))
    return rows


def _is_step(rows: pa.Table) -> Any:
    """Tell which rows are steps of runs on the map: those of tables are none."""
    return pc.and_(
        pc.is_valid(rows.column("projection_x")), pc.not_equal(rows.column("type"), ROW)
    )


def _last_of_each(values: Any, codes: Any, count: int) -> list[str | None]:
    """Return the last value of each run that is one."""
    said = np.flatnonzero(pc.is_valid(values).to_numpy(zero_copy_only=False))
    last = np.full(count, -1, np.int64)
    last[codes[said]] = said  # of several, numpy keeps the last
    return [None if row < 0 else values[row].as_py() for row in last.tolist()]


def _steps(path: Path, name: str, most: int) -> RunSteps | None:
    file = open_file(path)
    if file is None:
        return None
    with disk_errors(), file:
        pieces = [
            piece.filter(pc.equal(piece.column("filename"), name))
            for piece in file.iter_batches(PIECE_ROWS, columns=_known(file, STEP))
        ]
    rows = _with_said(pa.Table.from_batches(pieces)).sort_by(ORDER) if pieces else None
    if rows is None or not len(rows):
        return None
    outcome, answer = (_last(rows.column(name)) for name in SAID)
    steps = [
        PathStep(
            id=one["id"],
            iteration=one["iteration"],
            type=one["type"],
            timestamp=one["timestamp"],
            text=one["text"],
            x=one["projection_x"],
            y=one["projection_y"],
        )
        for one in rows[:most].to_pylist()
    ]
    return RunSteps(steps, len(rows), outcome, answer)


def _last(values: Any) -> str | None:
    said = values.drop_null()
    return said[-1].as_py() if len(said) else None
