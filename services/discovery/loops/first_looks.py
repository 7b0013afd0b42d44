"""Has new collections looked at behind those that are being made: who makes one waits for it."""

import asyncio
from collections import OrderedDict

from shared.clock import Clock

QUIET_S = 1.0
"""So long after the last one was made, no more are expected."""
EVERY_S = 0.5
"""Between two that are looked at while more are made: none waits for ever."""
AT_ONCE = 4
"""So many are looked at before that: who makes a few, now and then, waits for nothing."""
PACE_S = 0.05
"""Between two when no more are expected: if one is made all the same, not all have begun."""


class FirstLooks:
    """Whose turn it is among collections that were never looked at, in the order of their coming.

    What is in them is embedded, projected and written by all the cores there are; to make one
    costs a twentieth of that, and somebody waits for the answer. A few wait for nothing. Who waits
    is a name here and nothing else, however many are made.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting = OrderedDict[str, None]()
        self._came = asyncio.Event()
        self._made_s = clock.monotonic() - QUIET_S
        self._looked_s = clock.monotonic() - PACE_S
        self._paid_s = clock.monotonic()
        """Until then all is looked at that may be while more are made."""

    def __contains__(self, collection: str) -> bool:
        """Tell whether a collection waits for its turn."""
        return collection in self._waiting

    def __len__(self) -> int:
        """Count those who wait."""
        return len(self._waiting)

    def made(self, collection: str) -> None:
        """Note that a collection was just made."""
        self._waiting[collection] = None
        self._made_s = self._clock.monotonic()
        self._came.set()

    def leave(self, collection: str) -> None:
        """Forget a collection."""
        self._waiting.pop(collection, None)

    async def next(self) -> str:
        """Return the first of those who wait, as soon as it may be looked at."""
        while not self._waiting or self._wait_s() > 0:
            if self._waiting:
                await asyncio.sleep(PACE_S)
            else:
                self._came.clear()
                await self._came.wait()
        now_s = self._looked_s = self._clock.monotonic()
        self._paid_s = min(max(self._paid_s, now_s) + EVERY_S, now_s + AT_ONCE * EVERY_S)
        collection, _ = self._waiting.popitem(last=False)
        return collection

    def _wait_s(self) -> float:
        now_s = self._clock.monotonic()
        if now_s - self._made_s >= QUIET_S:
            return self._looked_s + PACE_S - now_s
        return self._paid_s - (AT_ONCE - 1) * EVERY_S - now_s
