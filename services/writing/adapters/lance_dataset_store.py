"""The dataset as a Lance table, ``<folder>/store.lance``."""

import weakref
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.to_thread
import lance
import pyarrow as pa

from services.writing.adapters.jsonl_emptied import EmptiedSources
from services.writing.adapters.lance_layout import (
    IO_BUFFER_BYTES,
    batch_rows,
    lance_errors,
    open_table,
)
from services.writing.adapters.lance_maintenance import forget_versions, join_fragments
from services.writing.adapters.lance_repeats import drop_repeats
from services.writing.adapters.lance_reprojection import TableReprojection
from services.writing.adapters.lance_table import LanceTable
from services.writing.adapters.lance_whole_batches import whole_batches
from services.writing.domain.displacement import Displacement
from services.writing.domain.stored_state import StoreState
from services.writing.ports import BatchVectors, Repeats
from shared.contracts.batches import Batch
from shared.observability.steps import step
from shared.plane import Plane

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class LanceSnapshot:
    """A version of the table, opened for reading."""

    state: StoreState
    dataset: lance.LanceDataset | None

    def scan(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read columns in pieces of bounded size, blocking.

        Raises:
            TransientError: The dataset could not be read.
        """
        if self.dataset is None:
            return
        with lance_errors():
            yield from self.dataset.to_batches(
                columns=list(columns),
                batch_size=batch_rows(self.dataset),
                io_buffer_size=IO_BUFFER_BYTES,
            )


class LanceDatasetStore:
    """Every operation runs in a thread, one at a time; snapshots are read beside it."""

    def __init__(self, folder: Path, *, compact_every: int, keep_versions_s: float) -> None:
        self._table = LanceTable(folder / "store.lance", EmptiedSources(folder / "emptied.jsonl"))
        self._limiter = anyio.CapacityLimiter(1)
        self._compact_every = compact_every
        self._keep = timedelta(seconds=keep_versions_s)
        self._commits = 0
        self._snapshots = 0
        self._reprojection: weakref.ref[LanceReprojection] | None = None
        self._is_swept = False

    async def state(self) -> StoreState:
        """Return what the store holds, reading it first if that is not known.

        The first time, what a crash left behind is deleted too.

        Raises:
            TransientError: The dataset could not be read.
        """
        state = await self.run(self._table.load)
        if not self._is_swept:
            await self.run(partial(forget_versions, self._table, self._keep, is_alone=True))
            self._is_swept = True
        return state

    async def commit(
        self,
        append: Sequence[Batch],
        removals: Mapping[str, int],
        emptied: Mapping[str, int],
        more: Iterable[Batch] = (),
    ) -> StoreState:
        """Append batches and remove replaced rows, all in one or not at all.

        Raises:
            InvalidMessage: A number is NaN or infinite, or the dimension is another.
            StaleModelError: The coordinates are not of the model of the stored rows.
            DiskFullError: There is no room.
            TransientError: The dataset could not be read or written.
        """
        with step("commit"):
            state = await self.run(self._table.commit, append, removals, emptied, more)
        self._commits += 1
        return state

    async def rows_of(self, removals: Mapping[str, int]) -> AsyncIterator[BatchVectors]:
        """Read the rows that these removals take away, batch by batch.

        Raises:
            TransientError: The dataset could not be read.
        """
        await self.state()
        async for item in self._read(self._table.removed_rows(removals)):
            yield item

    def whole_batches(self, removals: Mapping[str, int], collection: str) -> Iterator[Batch]:
        """Read the rows that these removals take away, whole. It blocks: ``commit`` may take it.

        Raises:
            TransientError: The dataset could not be read.
        """
        return whole_batches(self._table, removals, collection)

    async def rows_in(self, batches: Mapping[str, str]) -> AsyncIterator[BatchVectors]:
        """Read what is stored of batches; of those that have no rows, nothing comes.

        Raises:
            TransientError: The dataset could not be read.
        """
        await self.state()
        async for item in self._read(self._table.stored_rows(batches)):
            yield item

    async def reproject(self, plane: Plane, model_version: int) -> "LanceReprojection":
        """Begin to give every row the coordinates of a new plane.

        Raises:
            InvalidMessage: The plane is of another dimension than the stored vectors.
            TransientError: The dataset could not be read.
        """
        await self.state()
        work = await self.run(TableReprojection, self._table, plane, model_version)
        reprojection = LanceReprojection(work, self.run)
        self._reprojection = weakref.ref(reprojection)
        return reprojection

    async def drop_repeats(self) -> Repeats:
        """Leave one of the rows that are there more than once.

        Raises:
            DiskFullError: There is no room; the dataset is as before.
            TransientError: The dataset could not be read or written; it is as before.
        """
        await self.state()
        return await self.run(drop_repeats, self._table)

    async def maintain(self) -> bool:
        """Join small fragments if that is due; tell whether it was.

        It waits for a reprojection, whose work a compaction would undo.

        Raises:
            DiskFullError: There is no room; the dataset is as before.
            TransientError: The dataset could not be read or written; it is as before.
        """
        reprojection = self._reprojection() if self._reprojection else None
        is_moving = reprojection is not None and not reprojection.is_over
        if self._commits < self._compact_every or is_moving:
            return False
        self._commits = 0
        await self.run(join_fragments, self._table)
        return True

    async def forget_versions(self) -> bool:
        """Delete replaced versions that are no longer to be kept; tell whether it was done.

        They wait for snapshots that read them.

        Raises:
            TransientError: The dataset could not be read or written.
        """
        if self._snapshots:
            return False
        await self.run(forget_versions, self._table, self._keep)
        return True

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[LanceSnapshot]:
        """Hold the present version for reading, while commits go on.

        Raises:
            TransientError: The dataset could not be read.
        """
        self._snapshots += 1
        try:
            yield await self.run(self._pin)
        finally:
            self._snapshots -= 1

    async def run(
        self,
        work: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run one blocking operation after the others."""
        return await anyio.to_thread.run_sync(
            partial(work, *args, **kwargs), limiter=self._limiter
        )

    async def _read(self, reader: Iterator[BatchVectors]) -> AsyncIterator[BatchVectors]:
        while (item := await self.run(partial(next, reader, None))) is not None:
            yield item

    def _pin(self) -> LanceSnapshot:
        state = self._table.load()
        if not state.dataset_version:
            return LanceSnapshot(state, None)
        with lance_errors():
            # Compaction changes the table's own object in place: so this one is another.
            dataset = open_table(self._table.path, state.dataset_version)
        return LanceSnapshot(state, dataset)


class LanceReprojection:
    """A change of plane under way; to drop it is to give it up."""

    def __init__(self, work: TableReprojection, run: Callable[..., Awaitable[Any]]) -> None:
        self._work = work
        self._run = run
        self.is_over = False

    async def step(self) -> bool:
        """Compute one more fragment; tell whether there is another one.

        Raises:
            DiskFullError: There is no room for the coordinates.
            TransientError: The dataset could not be read or written.
        """
        return await self._run(self._work.step)

    async def finish(self) -> Displacement:
        """Compute what is missing or has changed since, and commit all in one.

        Raises:
            DiskFullError: There is no room; the old model stays.
            TransientError: The dataset could not be read or written; the old model stays.
        """
        try:
            return await self._run(self._work.finish)
        finally:
            self.is_over = True
