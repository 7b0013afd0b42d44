"""Queues of messages that were refused: before a stream, or before one of its subjects."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from nats.js.errors import APIError

STORE_FAILED = 10077
"""The server's number for what it does not store: the stream is full, or only the subject is."""
SUBJECT_FULL = "per subject"


def is_subject_full(error: Exception) -> bool:
    """Tell whether a stream has room, but not for one message more of this subject."""
    if not isinstance(error, APIError) or error.err_code != STORE_FAILED:
        return False
    return SUBJECT_FULL in (error.description or "")


class Queues:
    """Lets one after the other through, by name; a queue in which nobody is, is not kept."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: Counter[str] = Counter()

    def __len__(self) -> int:
        """Tell how many queues there are."""
        return len(self._locks)

    def has(self, name: str) -> bool:
        """Tell whether anybody waits in a queue."""
        return name in self._locks

    @asynccontextmanager
    async def of(self, name: str) -> AsyncGenerator[None]:
        """Be the first in a queue for the time of the block, after those that are there."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._users[name] += 1
        try:
            async with lock:
                yield
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._locks[name]
