"""What discovery keeps of what was told and cannot all be true."""

from typing import Protocol

from services.discovery.domain.contradictions import Contradiction


class ContradictionStore(Protocol):
    """Of which batches two things were told. It may raise ``TransientError``."""

    async def contradictions(self, collection: str, most: int) -> list[Contradiction]:
        """Return those of a collection, the oldest first; of each batch the first one."""
        ...

    async def count_contradictions(self, collection: str) -> int:
        """Count them."""
        ...
