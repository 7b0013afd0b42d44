"""Asks writing about the dataset of a collection."""

from dataclasses import dataclass

from nats.aio.client import Client

from shared.bus.asking import ask
from shared.bus.registry.questions import (
    DATASET_HISTORY,
    DATASET_MODELS,
    DATASET_SOURCES,
    DATASET_VECTORS,
)
from shared.contracts.history import (
    AskStored,
    ComparedHistory,
    CompareHistory,
    HeldVersion,
    StoredModels,
    StoredVectors,
)

PAGE_S = 60.0
"""A page of a large dataset takes a while."""


@dataclass(frozen=True, slots=True)
class DatasetBook:
    """What writing tells of a dataset, as one connection learns it.

    Each method raises TransientError: nobody answers, or not by contract.
    """

    client: Client
    collection: str

    async def compare(self, asked: CompareHistory) -> ComparedHistory:
        """Ask whether a state belongs to the dataset."""
        return await ask(self.client, DATASET_HISTORY, asked, of=self.collection)

    async def sources(self) -> list[HeldVersion]:
        """Return the newest version of every source that the dataset knows."""
        found: list[HeldVersion] = []
        after: int | None = 0
        while after is not None:
            page = await ask(
                self.client, DATASET_SOURCES, AskStored(after=after), of=self.collection,
                wait_s=PAGE_S,
            )  # fmt: skip
            found += page.sources
            after = page.next_after
        return found

    async def vectors(self, after: int, version: int | None) -> StoredVectors:
        """Return a page of the vectors."""
        asked = AskStored(after=after, dataset_version=version)
        return await ask(self.client, DATASET_VECTORS, asked, of=self.collection, wait_s=PAGE_S)

    async def models(self, after: int) -> StoredModels:
        """Return a page of the models."""
        asked = AskStored(after=after)
        return await ask(self.client, DATASET_MODELS, asked, of=self.collection, wait_s=PAGE_S)
