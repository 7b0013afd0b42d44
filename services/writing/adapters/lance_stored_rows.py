"""Reads the table and the archive for those who ask what is stored, beside all else."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
import numpy as np
from pydantic import ValidationError

from services.writing.adapters.durable_files import disk_errors
from services.writing.adapters.lance_layout import (
    IO_BUFFER_BYTES,
    batch_rows,
    dimension_of,
    has_manifest,
    lance_errors,
    open_table,
)
from services.writing.ports import DatasetStore, VectorPage
from shared.contracts.batches import vectors_of
from shared.contracts.projection import ProjectionModel
from shared.errors import TransientError

Result = TypeVar("Result")


class LanceStoredRows:
    """See StoredRows; one question at a time."""

    def __init__(self, folder: Path, store: DatasetStore) -> None:
        self._table = folder / "store.lance"
        self._models = folder / "models"
        self._store = store
        self._limiter = anyio.CapacityLimiter(1)

    async def sources(self) -> tuple[int, Mapping[str, tuple[str | None, int, int]]]:
        """See StoredRows."""
        state = await self._store.state()
        rows = await self._run(self._count, state.dataset_version)
        found = {}
        for source_id, held in state.sources.items():
            filename, count = rows.get(source_id, (None, 0))
            found[source_id] = (filename, held.current, count)
        return state.dataset_version, found

    async def vectors(self, after: int, most_bytes: int, version: int | None) -> VectorPage:
        """See StoredRows."""
        if version is None:
            version = (await self._store.state()).dataset_version
        return await self._run(self._page, after, most_bytes, version)

    async def models(self) -> Sequence[ProjectionModel]:
        """See StoredRows."""
        return await self._run(self._archived)

    def _count(self, version: int) -> dict[str, tuple[str, int]]:
        found: dict[str, tuple[str, int]] = {}
        if not version:
            return found
        with lance_errors():
            table = open_table(self._table, version)
            for rows in table.to_batches(
                columns=["source_id", "filename"],
                batch_size=batch_rows(table),
                io_buffer_size=IO_BUFFER_BYTES,
            ):
                names = (rows.column(one).to_pylist() for one in ("source_id", "filename"))
                for source_id, filename in zip(*names, strict=True):
                    found[source_id] = (filename, found.get(source_id, ("", 0))[1] + 1)
        return found

    def _page(self, after: int, most_bytes: int, version: int) -> VectorPage:
        if not version or not has_manifest(self._table):
            return VectorPage(version, 0, [], np.zeros((0, 0), np.float32))
        with lance_errors():
            table = open_table(self._table, version)
            most = max(1, most_bytes // (4 * dimension_of(table)))
            rows = table.to_table(columns=["batch_id", "vector"], offset=after, limit=most)
            rows = rows.combine_chunks()
            count = table.count_rows()
        if not rows.num_rows:
            return VectorPage(version, count, [], np.zeros((0, dimension_of(table)), np.float32))
        column = rows.column("vector").chunk(0)
        return VectorPage(version, count, rows.column("batch_id").to_pylist(), vectors_of(column))

    def _archived(self) -> list[ProjectionModel]:
        with disk_errors(str(self._models)):
            files = [one for one in self._models.glob("*.json") if one.stem.isdecimal()]
            bodies = [one.read_bytes() for one in sorted(files, key=lambda one: int(one.stem))]
        try:
            return [ProjectionModel.model_validate_json(body) for body in bodies]
        except ValidationError as error:
            raise TransientError(f"{self._models}: holds what is no model: {error}") from error

    async def _run(self, work: Callable[..., Result], *args: int) -> Result:
        return await anyio.to_thread.run_sync(work, *args, limiter=self._limiter)
