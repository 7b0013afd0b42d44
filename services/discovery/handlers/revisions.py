"""Which state of a list somebody knows, and when it is another one."""

import asyncio
from contextlib import suppress
from uuid import uuid4


class Revision:
    """Names the state of a list: by another word after each change, and after each start."""

    def __init__(self) -> None:
        self._start = uuid4().hex[:16]
        self._number = 0
        self._changed = asyncio.Event()
        self._is_closed = False

    def __str__(self) -> str:
        return f"{self._start}.{self._number}"

    def change(self) -> None:
        """Note that the list is another one."""
        self._number += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def close(self) -> None:
        """Let nobody wait any longer."""
        self._is_closed = True
        self._changed.set()

    async def is_still(self, known: str, wait_s: float) -> bool:
        """Tell whether the list is as it is known, after a change or so many seconds."""
        if known == str(self) and wait_s > 0 and not self._is_closed:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
        return known == str(self)
