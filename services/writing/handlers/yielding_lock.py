"""A long turn with a lock, in which others have theirs."""

import asyncio
from types import TracebackType
from typing import Self


class YieldingLock:
    """Has a lock for the time of a block, except while it gives way to others.

    Whoever is cancelled while he gives way does not have the lock, and must not release it: it is
    free, or another one's by then.
    """

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._has_it = False

    async def __aenter__(self) -> Self:
        await self._take()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release the lock, if it is ours."""
        if self._has_it:
            self._release()

    async def give_way(self) -> None:
        """Let those have the lock who wait for it, and take it again."""
        self._release()
        await asyncio.sleep(0)
        await self._take()

    async def _take(self) -> None:
        await self._lock.acquire()
        self._has_it = True

    def _release(self) -> None:
        self._has_it = False
        self._lock.release()
