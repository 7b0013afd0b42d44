"""Tells, page by page, what the dataset has: for whoever has lost what it had of it."""

import asyncio
import base64

import numpy as np

from services.writing.ports import Staging, StoredRows
from shared.contracts.history import (
    AskStored,
    HeldVersion,
    StoredModels,
    StoredVectors,
    StoredVersions,
)

MOST_SOURCES = 5_000
MOST_VECTOR_BYTES = 2 << 20
"""On a page; in base64 it is a third more."""
MOST_MODELS = 8


class Stored:
    """The dataset of one collection, as it is told."""

    def __init__(self, rows: StoredRows, staging: Staging, writing: asyncio.Lock) -> None:
        """Take what it needs.

        Args:
            rows: What is stored.
            staging: What waits beside it.
            writing: Held from when vectors leave the moments until their rows have left the map.
        """
        self._rows = rows
        self._staging = staging
        self._writing = writing
        self._sources: list[HeldVersion] = []
        self._version = 0

    async def sources(self, asked: AskStored) -> StoredVersions:
        """Tell which versions of sources there are; they are looked through for the first page.

        One that waits to be shown is there, too: a number must not mean two contents.

        Raises:
            TransientError: The dataset could not be read.
        """
        if not asked.after or asked.after > len(self._sources):
            waits = await self._staging.held()
            self._version, stored = await self._rows.sources()
            found = dict.fromkeys(waits, (None, 0, 0)) | dict(stored)
            newest = {one: waits[one].version for one in waits}
            self._sources = [
                HeldVersion(
                    source_id=one,
                    filename=name,
                    version=max(version, newest.get(one, 0)),
                    records=records,
                )
                for one, (name, version, records) in sorted(found.items())
            ]
        end = asked.after + MOST_SOURCES
        page = tuple(self._sources[asked.after : end])
        rest = end if end < len(self._sources) else None
        if rest is None:
            self._sources = []
        return StoredVersions(dataset_version=self._version, next_after=rest, sources=page)

    async def vectors(self, asked: AskStored) -> StoredVectors:
        """Tell vectors; all pages are to be of the version of the first.

        That is none from which vectors have left the moments and rows are about to: they would
        count again, and leave no more.

        Raises:
            TransientError: The dataset could not be read, or has not that version any more.
        """
        if asked.dataset_version is None:
            async with self._writing:
                found = await self._rows.vectors(asked.after, MOST_VECTOR_BYTES, None)
        else:
            found = await self._rows.vectors(asked.after, MOST_VECTOR_BYTES, asked.dataset_version)
        floats = np.ascontiguousarray(found.vectors, dtype="<f4")
        end = asked.after + len(found.batch_ids)
        return StoredVectors(
            dataset_version=found.dataset_version,
            next_after=end if end < found.rows else None,
            dimension=floats.shape[1],
            batch_ids=tuple(found.batch_ids),
            vectors=base64.b64encode(floats.tobytes()).decode(),
        )

    async def models(self, asked: AskStored) -> StoredModels:
        """Tell the models that are archived.

        Raises:
            TransientError: They could not be read.
        """
        models = await self._rows.models()
        end = asked.after + MOST_MODELS
        return StoredModels(
            dataset_version=0,
            next_after=end if end < len(models) else None,
            models=tuple(models[asked.after : end]),
        )
