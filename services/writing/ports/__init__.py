"""What writing needs from outside."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.writing.domain.displacement import Displacement
from services.writing.domain.stored_state import StagedSource, StoreState
from services.writing.ports.histories import HistoryKeeper, StoredRows, VectorPage
from services.writing.ports.models import ModelArchive
from shared.bus.messages.outgoing import Outgoing
from shared.contracts.batches import Batch
from shared.contracts.projection import ProjectionModel
from shared.errors import TransientError
from shared.plane import Plane

__all__ = [
    "BatchVectors",
    "DatasetStore",
    "DiskFullError",
    "Handover",
    "HistoryKeeper",
    "ModelArchive",
    "OutputWriter",
    "PublishedFiles",
    "Repeats",
    "Reprojection",
    "Snapshot",
    "Staging",
    "StaleModelError",
    "StoredRows",
    "VectorPage",
]


class DiskFullError(TransientError):
    """There is no room; nothing was changed, and it works again when there is."""


class StaleModelError(TransientError):
    """The coordinates are of another model than the store holds; nothing was changed."""


@dataclass(frozen=True, slots=True, eq=False)
class BatchVectors:
    """A batch, and the vectors (n, d) of its rows in their order."""

    batch_id: str
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Repeats:
    """What came of rows that were there more than once."""

    removed: int
    """So many were the same as another one, and went."""
    unlike: Sequence[str]
    """Filenames of those that say different things: nobody knows which is right."""


class Snapshot(Protocol):
    """The dataset at one version, whatever is committed meanwhile."""

    @property
    def state(self) -> StoreState:
        """What the dataset held at that version."""
        ...

    def scan(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read columns in pieces of bounded size. It blocks: call it in a thread.

        Raises:
            TransientError: The dataset could not be read.
        """
        ...


class Reprojection(Protocol):
    """The coordinates of a new model, computed piece by piece and committed at once."""

    async def step(self) -> bool:
        """Compute one more piece; tell whether there is another one.

        Raises:
            DiskFullError: There is no room for the coordinates.
            TransientError: The dataset could not be read or written.
        """
        ...

    async def finish(self) -> Displacement:
        """Compute what is missing or has changed since, and commit all in one.

        Raises:
            DiskFullError: There is no room; the old model stays.
            TransientError: The dataset could not be read or written; the old model stays.
        """
        ...


class DatasetStore(Protocol):
    """The dataset of one collection. One caller at a time, snapshots excepted."""

    async def state(self) -> StoreState:
        """Return what the store holds, reading it first if that is not known.

        Raises:
            TransientError: The dataset could not be read.
        """
        ...

    async def commit(
        self,
        append: Sequence[Batch],
        removals: Mapping[str, int],
        emptied: Mapping[str, int],
        more: Iterable[Batch] = (),
    ) -> StoreState:
        """Append batches and remove replaced rows, all in one or not at all.

        Args:
            append: Batches with final coordinates, all of one model, which their descriptors name.
            more: More of them, too many to be held at once; they are taken in a thread, once.
            removals: Source id to version: its rows of lower versions go.
            emptied: Source id to version: what is to be remembered although no row tells it.

        Raises:
            InvalidMessage: A number is NaN or infinite, or the dimension is another.
            StaleModelError: The coordinates are not of the model of the stored rows.
            DiskFullError: There is no room.
            TransientError: The dataset could not be read or written.
        """
        ...

    def rows_of(self, removals: Mapping[str, int]) -> AsyncIterator[BatchVectors]:
        """Read the rows that these removals take away, batch by batch.

        Raises:
            TransientError: The dataset could not be read.
        """
        ...

    def whole_batches(self, removals: Mapping[str, int], collection: str) -> Iterator[Batch]:
        """Read the rows that these removals take away, whole. It blocks: ``commit`` may take it.

        Raises:
            TransientError: The dataset could not be read.
        """
        ...

    def rows_in(self, batches: Mapping[str, str]) -> AsyncIterator[BatchVectors]:
        """Read what is stored of batches; of those that have no rows, nothing comes.

        Args:
            batches: Batch id to source id.

        Raises:
            TransientError: The dataset could not be read.
        """
        ...

    async def reproject(self, plane: Plane, model_version: int) -> Reprojection:
        """Begin to give every row the coordinates of a new plane.

        Raises:
            InvalidMessage: The plane is of another dimension than the stored vectors.
            TransientError: The dataset could not be read.
        """
        ...

    async def maintain(self) -> bool:
        """Join small fragments if that is due; tell whether it was.

        Raises:
            DiskFullError: There is no room; the dataset is as before.
            TransientError: The dataset could not be read or written; it is as before.
        """
        ...

    async def forget_versions(self) -> bool:
        """Delete replaced versions that are no longer to be kept; tell whether it was done.

        Raises:
            TransientError: The dataset could not be read or written.
        """
        ...

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """Hold the present version for reading, while commits go on.

        Raises:
            TransientError: The dataset could not be read.
        """
        ...


class Staging(Protocol):
    """Batches of one collection that wait for their version to be shown. One caller at a time."""

    async def held(self) -> Mapping[str, StagedSource]:
        """Return what waits, by source id.

        Raises:
            TransientError: It could not be read.
        """
        ...

    async def change(self, add: Sequence[Batch], discard: Mapping[str, int]) -> None:
        """Let batches go and keep others, all or nothing; it outlives a power cut.

        Args:
            add: Batches that wait from now on; one that waits already stays as it came first. Of
                one without rows, only the version is kept: that one is coming.
            discard: Source id to version: what waits of it and of lower ones goes.

        Raises:
            DiskFullError: There is no room.
            TransientError: It could not be read or written.
        """
        ...

    def scan(self, sources: Mapping[str, frozenset[str]]) -> Iterator[Batch]:
        """Read what waits of sources, without these batches. It blocks: call it in a thread.

        Raises:
            TransientError: It could not be read.
        """
        ...


class Handover(Protocol):
    """The way to a stage that must have handled a message before what it is about is destroyed."""

    async def deliver(self, messages: AsyncIterable[Outgoing]) -> None:
        """Publish messages; returns when the last of them is handled.

        Raises:
            TransientError: The stage makes no progress; to deliver the same ones again is
                harmless.
        """
        ...


@dataclass(frozen=True, slots=True)
class PublishedFiles:
    """What the public files say of themselves."""

    dataset_version: int
    model_version: int | None
    records: int


class OutputWriter(Protocol):
    """The public files of one collection."""

    async def published(self) -> PublishedFiles | None:
        """Return what the files hold; none if they are missing, damaged or of two versions."""
        ...

    async def write(
        self, snapshot: Snapshot, *, collection: str, model: ProjectionModel | None
    ) -> PublishedFiles:
        """Replace the files by a snapshot; readers see the old ones or the new ones, whole.

        Raises:
            DiskFullError: There is no room; the old files stay.
            TransientError: The files could not be written; the old ones stay.
        """
        ...

    async def told(self) -> PublishedFiles | None:
        """Return the files of which it was noted that they were told, if any."""
        ...

    async def note_told(self, files: PublishedFiles) -> None:
        """Note that everybody was told of these files, for good.

        Raises:
            TransientError: It could not be noted; they will be told again.
        """
        ...
