"""What all collections have together, and how much of it one may take, so that none waits."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

IN_HAND = 64
"""So many small sources are in hand at once, for each of which a file is open and read."""
OF_ONE = 32
"""So many of them may be of one collection."""
LARGE_AT_ONCE = 4
"""Each may hold lines that take all the memory there is for them."""
WINDOW = 64
"""So many batches of a collection wait on the bus, beside those that embedding has in hand."""
Ready = Callable[[], Awaitable[None]]
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.25
"""How often the bus is asked whether there is room again."""


async def always_ready() -> None:
    """Wait for nothing."""


class Shares:
    """What the looks of one process share: who looks while others do gets an equal part."""

    def __init__(self) -> None:
        self._looking = 0
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Count one collection more for the time of the block."""
        self._looking += 1
        try:
            yield
        finally:
            self._looking -= 1

    def small_at_once(self) -> int:
        """Tell how many small sources a collection may have in hand now, at least one."""
        return max(1, min(OF_ONE, IN_HAND // max(1, self._looking)))

    @asynccontextmanager
    async def reading(self, *, is_large: bool) -> "AsyncGenerator[None]":
        """Read of a source for the time of the block; large ones take turns, piece by piece."""
        if not is_large:
            yield
            return
        async with self._large:
            yield


class Room:
    """How many batches of each collection may be sent: few wait on the bus at any time.

    So a collection that stands still fills no stream, and of what is sent last the turn comes
    soon, as that of the others does.
    """

    def __init__(self, waiting: Callable[[str], Awaitable[int | None]]) -> None:
        """Take what tells how many batches of a collection wait; None: that is not known now."""
        self._waiting = waiting
        self._left = Counter[str]()
        self._under_way = Counter[str]()
        """Those that have a place, and are not known to be stored yet."""
        self._asking: set[str] = set()

    @asynccontextmanager
    async def place(
        self, collection: str, *, unless: Callable[[], bool]
    ) -> "AsyncGenerator[bool]":
        """Wait until one batch more may be sent; it takes its place until the block ends.

        Args:
            collection: Of which.
            unless: Asked meanwhile whether it is not wanted any more.

        Yields:
            Whether it may be sent: within the block, at the end of which it is on the bus.
        """
        if not await self._taken(collection, unless):
            yield False
            return
        try:
            yield True
        finally:
            if self._under_way[collection] > 0:  # the collection was not left meanwhile
                self._under_way[collection] -= 1

    async def _taken(self, collection: str, unless: Callable[[], bool]) -> bool:
        pause_s = FIRST_PAUSE_S
        while not unless():
            if self._left[collection] < 1 and collection not in self._asking:
                await self._ask(collection)
            if self._left[collection] > 0:
                self._left[collection] -= 1
                self._under_way[collection] += 1
                return True
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return False

    def leave(self, collection: str) -> None:
        """Forget a collection, of which nothing is sent any more."""
        self._left.pop(collection, None)
        self._under_way.pop(collection, None)

    async def _ask(self, collection: str) -> None:
        self._asking.add(collection)
        # What is stored while the answer is on its way may be missing in it.
        under_way = self._under_way[collection]
        try:
            waiting = await self._waiting(collection)
            if waiting is not None:
                self._left[collection] = max(0, WINDOW - waiting - under_way)
        finally:
            self._asking.discard(collection)
