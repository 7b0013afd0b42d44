"""Reads batches back from a Lance table as they were stored."""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from services.writing.adapters.lance_layout import FACTS
from services.writing.adapters.lance_table import LanceTable
from shared.contracts.batches import Batch, BatchDescriptor


def whole_batches(
    table: LanceTable, removals: Mapping[str, int], collection: str
) -> Iterator[Batch]:
    """Read the batches that removals take away, one at a time; it blocks.

    Raises:
        TransientError: The table could not be read.
    """
    if not removals or table.dataset is None:
        return
    name, parts = "", list[pa.RecordBatch]()
    for rows in table.removed_pieces(removals):
        for one, part in _by_batch(rows):
            if one != name and parts:
                yield _batch(parts, collection)
                parts = []
            name = one
            parts.append(part)
    if parts:
        yield _batch(parts, collection)


def _by_batch(rows: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Cut rows where the batch changes; the rows of a batch stay together in a table."""
    names = rows.column("batch_id").to_pylist()
    start = 0
    for end in range(1, len(names) + 1):
        if end == len(names) or names[end] != names[start]:
            yield names[start], rows.slice(start, end - start)
            start = end


def _batch(parts: list[pa.RecordBatch], collection: str) -> Batch:
    """Make a batch of its rows; its place in the source is known to the message only."""
    (rows,) = pa.Table.from_batches(parts).combine_chunks().to_batches()
    (facts,) = rows.slice(0, 1).select(FACTS.names).to_pylist()
    descriptor = BatchDescriptor(
        **{key: value for key, value in facts.items() if value is not None},
        collection=collection,
        filename=rows.column("filename")[0].as_py(),
        index=0,
        is_last=False,
        records=len(rows),
    )
    columns = [name for name in rows.schema.names if name not in FACTS.names]
    return Batch(descriptor, rows.select(columns))
