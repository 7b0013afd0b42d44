"""One Lance table, for one thread at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from lance import LanceOperation
from lance.fragment import write_fragments

from services.writing.adapters.durable_files import sync
from services.writing.adapters.jsonl_emptied import EmptiedSources
from services.writing.adapters.lance_index import SourceIndex, batch_filter, removal_filter
from services.writing.adapters.lance_layout import (
    IO_BUFFER_BYTES,
    Rows,
    added_schema,
    batch_rows,
    dimension_of,
    has_manifest,
    lance_errors,
    open_table,
    require_one_model,
    rows_of,
    sync_fragments,
    sync_manifest,
)
from services.writing.domain.stored_state import StoreState
from services.writing.ports import BatchVectors
from shared.contracts.batches import Batch, BatchDescriptor, vectors_of
from shared.plain_paths import plain_path


class LanceTable:
    """The table, its index and the versions of emptied sources, always in step."""

    def __init__(self, path: Path, emptied: EmptiedSources) -> None:
        self.path = path
        self.dataset: Any = None
        """The present version as Lance opened it; none until the first commit."""
        self._emptied = emptied
        self._index = SourceIndex({})
        self._state: StoreState | None = None

    def load(self) -> StoreState:
        """Read everything that is to be known, unless it is known.

        Raises:
            TransientError: The table could not be read.
        """
        if self._state is None:
            emptied = self._emptied.load()
            with lance_errors():
                self.dataset = _open(self.path)
                self._add_columns()
                self._index = SourceIndex(emptied)
                self._index.read(self.fragments())
                self._state = self._look(_model_version(self.dataset))
        return self._state

    def commit(
        self,
        append: Sequence[Batch],
        removals: Mapping[str, int],
        emptied: Mapping[str, int],
        more: Iterable[Batch] = (),
    ) -> StoreState:
        """Append and remove rows, all in one or not at all; of ``more``, one batch at a time.

        Raises:
            InvalidMessage: A number is not finite, or the dimension is another.
            StaleModelError: The coordinates are of another model.
            DiskFullError: There is no room.
            TransientError: The table could not be read or written.
        """
        state = self.load()
        append = [batch for batch in append if len(batch)]
        removals = {key: value for key, value in removals.items() if key in state.sources}
        require_one_model(append, state.model_version)
        appended: list[BatchDescriptor] = []
        rows = rows_of([*append], more, state, appended)
        if emptied:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._emptied.add(emptied)
        is_changed = rows is not None or bool(removals)
        with self.changing():
            if is_changed:
                self._commit_rows(rows, removals)
            present = [fragment.fragment_id for fragment in self.fragments()]
            self._index.apply(appended, removals, emptied, present)
            version = appended[0].model_version if appended else state.model_version
            return self._look(version, None if is_changed else state.content_version)

    def removed_rows(self, removals: Mapping[str, int]) -> Iterator[BatchVectors]:
        """Read the batches that removals take away, each whole, in bounded memory.

        Raises:
            TransientError: The table could not be read.
        """
        if removals:
            yield from self._batches(removals, removal_filter(removals))

    def stored_rows(self, batches: Mapping[str, str]) -> Iterator[BatchVectors]:
        """Read what is stored of batches (id to source id), each whole, in bounded memory.

        Raises:
            TransientError: The table could not be read.
        """
        if batches:
            yield from self._batches(batches.values(), batch_filter(batches))

    def removed_pieces(self, removals: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
        """Read the rows that removals take away, whole, in the order in which they lie.

        Raises:
            TransientError: The table could not be read.
        """
        ids = self._index.fragments_of(removals)
        with lance_errors():
            yield from self._scan(ids, self.dataset.schema.names, removal_filter(removals))

    def _batches(self, source_ids: Iterable[str], where: str) -> Iterator[BatchVectors]:
        ids = self._index.fragments_of(source_ids)
        batch_id, parts = "", list[np.ndarray]()
        with lance_errors():
            for rows in self._scan(ids, ["batch_id", "vector"], where):
                for name, vectors in _by_batch(rows):
                    if name != batch_id and parts:
                        yield BatchVectors(batch_id, np.concatenate(parts))
                        parts = []
                    batch_id = name
                    parts.append(vectors)
        if parts:
            yield BatchVectors(batch_id, np.concatenate(parts))

    def commit_columns(
        self, fragments: list[lance.FragmentMetadata], fields: list[int], model_version: int
    ) -> StoreState:
        """Make rewritten columns of fragments the present ones; their files are on the disk.

        Raises:
            DiskFullError: There is no room.
            TransientError: The table could not be written.
        """
        with self.changing():
            if fragments:
                self._commit_operation(
                    LanceOperation.Update(updated_fragments=fragments, fields_modified=fields)
                )
            return self._look(model_version)

    def commit_joined(self, join: Callable[[lance.LanceDataset], None]) -> None:
        """Let a compaction change the table in place; it says the same afterwards.

        Raises:
            DiskFullError: There is no room.
            TransientError: The table could not be read or written.
        """
        state = self.load()
        with self.changing():
            join(self.dataset)
            sync_manifest(self.path, self.dataset.version)
            self._index.refresh(self.fragments())
            self._look(state.model_version, state.content_version)

    def commit_deleted(self, fragments: list[lance.FragmentMetadata], gone: list[int]) -> None:
        """Make fragments without some rows the present ones; those without any are gone.

        Raises:
            DiskFullError: There is no room.
            TransientError: The table could not be written.
        """
        state = self.load()
        with self.changing():
            sync_fragments(self.path, fragments)
            self._commit_operation(
                LanceOperation.Update(removed_fragment_ids=gone, updated_fragments=fragments)
            )
            self._index.refresh(self.fragments())
            self._look(state.model_version)

    def fragments(self) -> list[lance.LanceFragment]:
        """Return the fragments of the present version."""
        return self.dataset.get_fragments() if self.dataset else []

    @contextmanager
    def changing(self) -> Iterator[None]:
        """After a failure, what the table holds is to be read again: the commit may have landed.

        Raises:
            DiskFullError: There is no room.
            TransientError: The table could not be written.
        """
        try:
            with lance_errors():
                yield
        except BaseException:
            self._state = None
            raise

    def _add_columns(self) -> None:
        """Give a table of an earlier version the columns that it lacks, null in every row."""
        if self.dataset is None or set(added_schema().names) <= set(self.dataset.schema.names):
            return
        self.dataset.add_columns(added_schema())
        sync_manifest(self.path, self.dataset.version)

    def _commit_rows(self, rows: Rows | None, removals: Mapping[str, int]) -> None:
        if self.dataset is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lance.write_dataset(rows, plain_path(self.path), mode="create")
            self.dataset = open_table(self.path)
            sync_fragments(self.path, [item.metadata for item in self.fragments()])
            sync_manifest(self.path, self.dataset.version)
            sync(self.path.parent)
            return
        new = [] if rows is None else write_fragments(rows, self.dataset, mode="append")
        updated, gone = self._without(removals)
        sync_fragments(self.path, [*new, *updated])
        if updated or gone:
            operation = LanceOperation.Update(
                removed_fragment_ids=gone, updated_fragments=updated, new_fragments=new
            )
        else:
            operation = LanceOperation.Append(new)
        self._commit_operation(operation)

    def _without(
        self, removals: Mapping[str, int]
    ) -> tuple[list[lance.FragmentMetadata], list[int]]:
        """Mark rows as deleted; return the fragments that changed, and the ids of empty ones."""
        updated, gone = [], []
        for key in self._index.fragments_of(removals) if removals else []:
            left = self.dataset.get_fragment(key).delete(removal_filter(removals))
            if left is None:
                gone.append(key)
            else:
                updated.append(left)
        return updated, gone

    def _commit_operation(self, operation: LanceOperation.BaseOperation) -> None:
        self.dataset = lance.LanceDataset.commit(
            self.dataset, operation, read_version=self.dataset.version
        )
        sync_manifest(self.path, self.dataset.version)

    def _scan(
        self, ids: Sequence[int], columns: list[str], where: str
    ) -> Iterator[pa.RecordBatch]:
        for key in ids:
            yield from self.dataset.get_fragment(key).to_batches(
                columns=columns,
                filter=where,
                batch_size=batch_rows(self.dataset),
                io_buffer_size=IO_BUFFER_BYTES,
            )

    def _look(self, model_version: int | None, content_version: int | None = None) -> StoreState:
        rows = self.dataset.count_rows() if self.dataset else 0
        version = self.dataset.version if self.dataset else 0
        self._state = StoreState(
            rows=rows,
            dataset_version=version,
            content_version=version if content_version is None else content_version,
            model_version=model_version if rows else None,
            dimension=dimension_of(self.dataset) if self.dataset else None,
            sources=self._index.sources,
        )
        return self._state


def _open(path: Path) -> lance.LanceDataset | None:
    """Open a table, if there is one."""
    return open_table(path) if has_manifest(path) else None


def _model_version(dataset: lance.LanceDataset | None) -> int | None:
    """Read one row's: every commit keeps all rows on one model."""
    if dataset is None:
        return None
    versions = dataset.to_table(columns=["model_version"], limit=1).column(0).to_pylist()
    return versions[0] if versions else None


def _by_batch(rows: pa.RecordBatch) -> Iterator[tuple[str, np.ndarray]]:
    """Cut rows where the batch changes; the rows of a batch stay together in a table."""
    names = rows.column("batch_id").to_pylist()
    vectors = vectors_of(rows.column("vector"))
    start = 0
    for end in range(1, len(names) + 1):
        if end == len(names) or names[end] != names[start]:
            yield names[start], vectors[start:end]
            start = end
