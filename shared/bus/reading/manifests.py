"""Asks discovery for manifests, and has something done with them."""

from dataclasses import dataclass

from nats.aio.client import Client

from shared.bus.asking import ask
from shared.bus.registry.questions import MANIFESTS_CHANGE, MANIFESTS_LIST
from shared.contracts.manifests import (
    ChangeManifest,
    ListManifests,
    ManifestChanged,
    ManifestPage,
)


@dataclass(frozen=True, slots=True)
class ManifestBook:
    """What discovery tells of manifests, as one connection learns it."""

    client: Client

    async def tell(self, asked: ListManifests) -> ManifestPage:
        """Return the manifests, or one with what it lists.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        return await ask(self.client, MANIFESTS_LIST, asked)

    async def change(self, asked: ChangeManifest) -> ManifestChanged:
        """Have something done with one; raises as ``tell``."""
        return await ask(self.client, MANIFESTS_CHANGE, asked)
