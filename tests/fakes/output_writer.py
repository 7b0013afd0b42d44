"""Public files in memory."""

import pyarrow as pa

from services.writing.ports import DiskFullError, PublishedFiles, Snapshot
from shared.contracts.projection import ProjectionModel


class FakeOutputWriter:
    """Keeps the logs as a table. The first ``failures`` writings find no room."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.logs: pa.Table | None = None
        self.writings = 0
        self._published: PublishedFiles | None = None
        self._told: PublishedFiles | None = None

    async def told(self) -> PublishedFiles | None:
        return self._told

    async def note_told(self, files: PublishedFiles) -> None:
        self._told = files

    async def published(self) -> PublishedFiles | None:
        return self._published

    async def write(
        self, snapshot: Snapshot, *, collection: str, model: ProjectionModel | None
    ) -> PublishedFiles:
        del collection
        if self.failures:
            self.failures -= 1
            raise DiskFullError("no room")
        batches = list(snapshot.scan(["id", "x", "y"]))
        self.logs = pa.Table.from_batches(batches) if batches else None
        self.writings += 1
        state = snapshot.state
        self._published = PublishedFiles(
            state.dataset_version, model.version if model else None, state.rows
        )
        return self._published
