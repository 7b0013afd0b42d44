"""Tells whether a version that replaces another one has room beside the dataset."""

from collections.abc import Callable
from dataclasses import dataclass

from services.writing.domain.room import needed_bytes
from services.writing.ports import DatasetStore
from shared.contracts.room import AskRoom, RoomLeft


@dataclass(frozen=True, slots=True)
class RoomTeller:
    """Answers for the dataset of one collection."""

    store: DatasetStore
    free_bytes: Callable[[], int]
    """How much is free on the disk of the dataset."""

    async def tell(self, asked: AskRoom) -> RoomLeft:
        """Say what there is, and what is needed.

        Raises:
            TransientError: The dataset or the disk could not be read.
        """
        dimension = (await self.store.state()).dimension or 0
        needed = needed_bytes(asked.content_bytes, asked.records, dimension)
        return RoomLeft(free_bytes=self.free_bytes(), needed_bytes=needed)
