"""Which collections there are, as discovery tells; one that rests is woken."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from shared.bus.reading.collections import CollectionBook


@dataclass(frozen=True, slots=True)
class BusRoster:
    """Asks discovery."""

    book: CollectionBook
    configured: Collection[str]
    """Those that need not be woken: somebody works on them, or is about to."""
    elsewhere: Callable[[str], bool]

    async def has(self, collection: str) -> bool:
        """See Roster."""
        if collection in self.configured:
            return True
        found = await self.book.wake(collection)
        return found is not None and found.state == "active" and found.origin == "command"

    def is_elsewhere(self, collection: str) -> bool:
        """See Roster."""
        return self.elsewhere(collection)
