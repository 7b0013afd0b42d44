"""A reader who looks at the public files all the time, as anybody may."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shared.contracts.projection import ProjectionModel

TOLERANCE = 1e-6
REST = 4.0
"""It rests for so many times as long as a look took, so that it does not take the machine."""


def read(file: Path) -> pa.Table:
    """Read a file that is opened once, as the readme says."""
    with pq.ParquetFile(file) as opened:
        return opened.read()


def model_of(table: pa.Table) -> ProjectionModel | None:
    """Return the model that a file names, if it names one."""
    document = (table.schema.metadata or {}).get(b"mapstream.model")
    return ProjectionModel.model_validate_json(document) if document else None


def vectors_in(table: pa.Table) -> np.ndarray:
    """Return the column ``vector`` as an array (n, d)."""
    return np.stack(table["vector"].to_numpy())


def faults_of_pair(logs: pa.Table, vectors: pa.Table) -> list[str]:
    """Compare two files of the same dataset version: same ids, every point its vector's image."""
    logs, vectors = logs.sort_by("id"), vectors.sort_by("id")
    if not logs["id"].equals(vectors["id"]):
        return ["logs.parquet and embeddings.parquet of one version have different ids"]
    model = model_of(logs)
    if model is None or not len(logs):
        return []
    wanted = model.plane().project(vectors_in(vectors))
    found = np.column_stack([logs["projection_x"], logs["projection_y"]])
    off = np.abs(wanted - found).max()
    if off > TOLERANCE:
        return [f"a point is {off:.2g} away from where model {model.version} puts its vector"]
    return []


def faults_of_file(table: pa.Table, name: str) -> list[str]:
    """Look at one file by itself."""
    ids, marks = table["id"].to_pylist(), table.schema.metadata or {}
    faults = []
    if len(ids) != len(set(ids)):
        faults.append(f"{name} has {len(ids) - len(set(ids))} ids twice")
    if int(marks[b"mapstream.records"]) != len(ids):
        faults.append(f"{name} says it has {marks[b'mapstream.records']!r} rows, not {len(ids)}")
    return faults


@dataclass(slots=True)
class Reader:
    """Opens both files again and again, each once."""

    folder: Path
    reads: int = 0
    pairs: int = 0
    """Looks at which both files were of the same version, so that points could be checked."""
    versions: set[int] = field(default_factory=set)
    """Models seen in the files."""
    faults: list[str] = field(default_factory=list)
    _existed: bool = False

    async def run(self) -> None:
        while True:
            started = time.monotonic()
            await asyncio.to_thread(self.look)
            await asyncio.sleep(max(0.05, REST * (time.monotonic() - started)))

    def look(self) -> None:
        """Read both files once."""
        paths = [self.folder / name for name in ("logs.parquet", "embeddings.parquet")]
        try:
            logs, vectors = map(read, paths)
        except FileNotFoundError as error:
            if self._existed:
                self.faults.append(f"a file that was there is gone: {error}")
            return
        except (OSError, pa.ArrowException) as error:
            self.faults.append(f"a file could not be read: {error!r:.200}")
            return
        self._existed = True
        self.reads += 1
        for table, path in zip((logs, vectors), paths, strict=True):
            self.faults += faults_of_file(table, path.name)
        model = model_of(logs)
        if model:
            self.versions.add(model.version)
        key = b"mapstream.dataset_version"
        if (logs.schema.metadata or {}).get(key) == (vectors.schema.metadata or {}).get(key):
            self.pairs += 1
            self.faults += faults_of_pair(logs, vectors)
