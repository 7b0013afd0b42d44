"""Takes rows out of a Lance table that are there twice, which no commit of ours ever makes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import lance
import numpy as np
import pyarrow as pa

from services.writing.adapters.lance_layout import IO_BUFFER_BYTES, batch_rows, lance_errors
from services.writing.adapters.lance_table import LanceTable
from services.writing.ports import Repeats

ROW = "_rowid"
FRAGMENT_BITS = 32
"""Of a row's id, those above say which fragment it is in."""
IDS_AT_ONCE = 1_000


def drop_repeats(table: LanceTable) -> Repeats:
    """Leave one of the rows of an id that are the same; those that are not stay.

    Raises:
        DiskFullError: There is no room; nothing has changed.
        TransientError: The table could not be read or written; nothing has changed.
    """
    extra: list[int] = []
    unlike: set[str] = set()
    with lance_errors():
        for rows in _rows_of(table, _repeated(table)):
            if len({repr(row) for _, row in rows}) > 1:
                unlike.add(rows[0][1]["filename"])
            else:
                extra += sorted(number for number, _ in rows)[1:]
        updated, gone = _without(table, extra)
    if extra:
        table.commit_deleted(updated, gone)
    return Repeats(len(extra), sorted(unlike))


def _repeated(table: LanceTable) -> set[int]:
    """Return the hashes of ids that may be there more than once: eight bytes a row, not an id."""
    hashes = [
        np.fromiter(map(hash, rows.column("id").to_pylist()), dtype=np.int64)
        for rows in _scan(table, ["id"])
    ]
    if not hashes:
        return set()
    values, counts = np.unique(np.concatenate(hashes), return_counts=True)
    return set(values[counts > 1].tolist())


def _rows_of(table: LanceTable, hashes: set[int]) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """Read the rows of each id that is there more than once, with their numbers."""
    if not hashes:
        return
    numbers = defaultdict[str, list[int]](list)
    for rows in _scan(table, ["id"]):
        for row_id, number in zip(
            rows.column("id").to_pylist(), rows.column(ROW).to_pylist(), strict=True
        ):
            if hash(row_id) in hashes:
                numbers[row_id].append(number)
    wanted = [number for some in numbers.values() if len(some) > 1 for number in some]
    found = defaultdict[str, list[tuple[int, dict[str, Any]]]](list)
    for start in range(0, len(wanted), IDS_AT_ONCE):
        some = wanted[start : start + IDS_AT_ONCE]
        for rows in _scan(table, table.dataset.schema.names, _these(some)):
            for row in rows.to_pylist():
                found[row["id"]].append((row.pop(ROW), row))
    yield from found.values()


def _scan(
    table: LanceTable, columns: list[str], where: str | None = None
) -> Iterator[pa.RecordBatch]:
    if table.dataset is None:
        return
    yield from table.dataset.to_batches(
        columns=columns,
        filter=where,
        with_row_id=True,
        batch_size=batch_rows(table.dataset),
        io_buffer_size=IO_BUFFER_BYTES,
    )


def _without(
    table: LanceTable, numbers: Iterable[int]
) -> tuple[list[lance.FragmentMetadata], list[int]]:
    """Mark rows as deleted; return the fragments that changed, and the ids of empty ones."""
    by_fragment = defaultdict[int, list[int]](list)
    for number in numbers:
        by_fragment[number >> FRAGMENT_BITS].append(number)
    updated, gone = [], []
    for key, some in by_fragment.items():
        left = table.dataset.get_fragment(key).delete(_these(some))
        if left is None:
            gone.append(key)
        else:
            updated.append(left)
    return updated, gone


def _these(numbers: Iterable[int]) -> str:
    return f"{ROW} IN ({', '.join(map(str, numbers))})"
