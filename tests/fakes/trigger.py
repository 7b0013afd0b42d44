"""Signals on demand."""

import asyncio
from collections.abc import AsyncGenerator


class FakeTrigger:
    """Yields at once, and then what ``fire`` was called with."""

    def __init__(self) -> None:
        self._pending: asyncio.Queue[frozenset[str] | None] = asyncio.Queue()

    def fire(self, *paths: str) -> None:
        self._pending.put_nowait(frozenset(paths) or None)

    def renew(self) -> None:
        """Fires only what it is told to."""

    async def signals(self) -> AsyncGenerator[frozenset[str] | None, None]:
        yield None
        while True:
            yield await self._pending.get()
