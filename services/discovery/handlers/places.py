"""How many collections may be busy at a time."""

import asyncio
from collections import deque
from collections.abc import Hashable

from shared.clock import Clock

TOGETHER = 32
"""So many begin together: each costs as long as it is busy, and more would end no sooner."""
FRESH_S = 30.0
"""What has a place for longer waits for something else, and keeps nobody from beginning."""
LOOK_S = 0.5


class Places:
    """So many places; who comes when all are taken waits in turn."""

    def __init__(self, most: int, clock: Clock) -> None:
        self._most = most
        self._clock = clock
        self._taken: dict[Hashable, float] = {}
        """Since when each has its place."""
        self._waiting: deque[tuple[Hashable, asyncio.Future[None]]] = deque()

    @property
    def are_wanted(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)

    async def take(self, who: Hashable) -> None:
        """Take a place, as soon as one is free and not too many others have just begun."""
        if not self._waiting and self._is_any_free():
            self.take_anyway(who)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((who, turn))
        try:
            while not turn.done():
                await asyncio.wait([turn], timeout=LOOK_S)
                self._hand_on()
        except asyncio.CancelledError:
            if turn.done():
                self.give(who)
            else:
                self._waiting.remove((who, turn))
            raise

    def take_anyway(self, who: Hashable) -> None:
        """Take a place, even if none is free."""
        self._taken[who] = self._clock.monotonic()

    def give(self, who: Hashable) -> None:
        """Give a place back; the first who waits has it."""
        self._taken.pop(who, None)
        self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting and self._is_any_free():
            who, turn = self._waiting.popleft()
            self.take_anyway(who)
            turn.set_result(None)

    def _is_any_free(self) -> bool:
        fresh_since_s = self._clock.monotonic() - FRESH_S
        fresh = sum(since_s > fresh_since_s for since_s in self._taken.values())
        return len(self._taken) < self._most and fresh < TOGETHER
