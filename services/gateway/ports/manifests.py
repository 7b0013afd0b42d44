"""What is needed of manifests."""

from typing import Protocol

from shared.contracts.manifests import (
    ChangeManifest,
    ListManifests,
    ManifestChanged,
    ManifestPage,
)


class ManifestBook(Protocol):
    """What discovery tells of manifests, and does with them."""

    async def tell(self, asked: ListManifests) -> ManifestPage:
        """Return the manifests, or one with what it lists.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        ...

    async def change(self, asked: ChangeManifest) -> ManifestChanged:
        """Have something done with one; raises as ``tell``."""
        ...
