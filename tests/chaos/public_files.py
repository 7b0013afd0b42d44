"""Reads what is public of a map as the documentation says, with pyarrow alone."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.chaos.oracle import COLUMNS, Stored


def read_files(folder: Path) -> tuple[Stored, dict[str, Any] | None]:
    """Read both public files: what they hold, in the order of the ids, and their model.

    Raises:
        AssertionError: The two files are not of one map.
        FileNotFoundError: There is none.
        ArrowInvalid: The first was replaced before the second.
    """
    tables = []
    for name in ("logs.parquet", "embeddings.parquet"):
        with pa.OSFile(str(folder / name)) as file:
            tables.append(pq.ParquetFile(file).read().sort_by("id"))
    logs, vectors = tables
    marks = [table.schema.metadata or {} for table in tables]
    if marks[0] != marks[1]:
        raise pa.ArrowInvalid("the two files are of two versions")
    assert logs["id"].equals(vectors["id"]), "the two files of one version have different ids"
    rows = logs.select(COLUMNS).to_pylist()
    stored = Stored(
        rows,
        np.stack(vectors["vector"].to_numpy()) if rows else np.empty((0, 1), np.float32),
        np.column_stack([logs["projection_x"], logs["projection_y"]]),
    )
    model = marks[0].get(b"mapstream.model")
    return stored, json.loads(model) if model else None


def read_sources(folder: Path, names: set[str]) -> Stored:
    """Read only the rows of some sources, without vectors and points."""
    with pa.OSFile(str(folder / "logs.parquet")) as file:
        table = pq.ParquetFile(file).read(columns=list(COLUMNS))
    chosen = pa.compute.is_in(table["filename"], value_set=pa.array(sorted(names), pa.string()))
    empty = np.empty((0, 1), np.float32)
    return Stored(table.filter(chosen).to_pylist(), empty, empty)


def arrays_of(model: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Decode mean (d,) and components (2, d) as the documentation says: base64 of float32."""
    mean, components = (
        np.frombuffer(base64.b64decode(model[name]), "<f4") for name in ("mean", "components")
    )
    return mean, components.reshape(2, -1)
