"""Reads a collection's dataset from writing, which owns it, over the bus."""

import base64
from collections.abc import Iterator, Mapping, Sequence

import anyio.from_thread
import numpy as np

from services.projection.domain.state import ModelVersion
from services.projection.handlers.rebuild import archived_model
from shared.bus.reading.dataset import DatasetBook
from shared.errors import TransientError


class BusStoredMap:
    """See StoredMap; every method is called in a thread of the loop that has the connection."""

    def __init__(self, book: DatasetBook) -> None:
        self._book = book

    def vectors(self) -> Iterator[tuple[Sequence[str], np.ndarray]]:
        """See StoredMap."""
        after: int | None = 0
        version: int | None = None
        while after is not None:
            page = anyio.from_thread.run(self._book.vectors, after, version)
            floats = np.frombuffer(base64.b64decode(page.vectors), dtype="<f4")
            if floats.size != len(page.batch_ids) * page.dimension:
                raise TransientError("writing told other vectors than batches")
            if page.batch_ids:
                vectors = floats.reshape(len(page.batch_ids), page.dimension)
                yield page.batch_ids, vectors.astype(np.float32)
            after, version = page.next_after, page.dataset_version

    def versions(self) -> Mapping[str, int]:
        """See StoredMap."""
        return {one.source_id: one.version for one in anyio.from_thread.run(self._book.sources)}

    def models(self) -> Sequence[ModelVersion]:
        """See StoredMap."""
        found: list[ModelVersion] = []
        after: int | None = 0
        while after is not None:
            page = anyio.from_thread.run(self._book.models, after)
            found += map(archived_model, page.models)
            after = page.next_after
        return found
