"""The columns of ``logs.parquet``: those of the dataset, and what ``attributes`` says."""

from collections.abc import Mapping

import pyarrow as pa

from services.writing.domain.attribute_columns import (
    OF_RUNS,
    ColumnFinder,
    Kind,
    parse,
    values_of,
)
from services.writing.ports import Snapshot

STORED = {
    "id": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "filename": pa.string(),
    "text": pa.string(),
    "iteration": pa.int32(),
    "idx_in_iteration": pa.int32(),
    "type": pa.string(),
    "projection_x": pa.float32(),
    "projection_y": pa.float32(),
    "attributes": pa.string(),
    "arrived_at": pa.timestamp("us", tz="UTC"),
    "source_version": pa.int32(),
}
"""They are always there, and after them those of ``OF_RUNS``."""
FIXED = (*STORED, *OF_RUNS)
STORED_AS = {"projection_x": "x", "projection_y": "y"}
TYPES: Mapping[Kind, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "truth": pa.bool_(),
    "text": pa.string(),
}


class LogsColumns:
    """The columns that a map has, by what is said of its records."""

    def __init__(self, further: Mapping[str, Kind]) -> None:
        self._said: Mapping[str, Kind] = {**OF_RUNS, **further}
        said = [(name, TYPES[kind]) for name, kind in self._said.items()]
        self.schema = pa.schema([*STORED.items(), *said])

    @classmethod
    def of(cls, snapshot: Snapshot) -> "LogsColumns":
        """Look at every record once.

        Raises:
            TransientError: The dataset could not be read.
        """
        finder = ColumnFinder([*STORED])
        for batch in snapshot.scan(["attributes"]):
            for text in batch.column("attributes").drop_null().to_pylist():
                finder.see(parse(text))
        return cls(finder.found())

    def fill(self, rows: pa.Table) -> pa.Table:
        """Make rows of the file of rows of the dataset."""
        columns = [rows.column(STORED_AS.get(name, name)) for name in STORED]
        attributes = rows.column("attributes")
        is_silent = attributes.null_count == len(attributes)
        said = [] if is_silent else [parse(text) for text in attributes.to_pylist()]
        for name, kind in self._said.items():
            known = TYPES[kind]
            columns.append(
                pa.nulls(len(rows), known)
                if is_silent
                else pa.array(values_of(name, kind, said), known)
            )
        return pa.Table.from_arrays(columns, schema=self.schema)
