"""Which sources are in somebody's hands."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from services.discovery.handlers.postponed import Postponed


class SourceLocks:
    """Lets one source be looked at and read, or be forgotten, but never both at once.

    Other sources are free: a command about one need not wait for a look at all.
    """

    def __init__(self, postponed: Postponed | None = None) -> None:
        self.postponed = postponed or Postponed()
        """Which sources the other stages have in hand, while there is more to be looked at."""
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: Counter[str] = Counter()

    @asynccontextmanager
    async def hold(self, source_id: str) -> AsyncGenerator[None]:
        """Have a source for the time of the block, after whoever has it now."""
        lock = self._locks.setdefault(source_id, asyncio.Lock())
        self._users[source_id] += 1
        try:
            async with lock:
                yield
        finally:
            self._users[source_id] -= 1
            if not self._users[source_id]:
                del self._users[source_id], self._locks[source_id]

    def may_wait(self, holding: str, wanted: str) -> bool:
        """Tell whether who has one source may wait for another one: never in a circle."""
        return holding < wanted or not self._users[wanted]

    def is_contested(self, source_id: str) -> bool:
        """Tell whether somebody waits for a source that another one has."""
        return self._users[source_id] > 1
