"""The public events: one reader for all who follow, and the stream for those who lag."""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Collection, Sequence

from services.gateway.ports import EventStream
from shared.contracts.stored_events import StoredEvent
from shared.errors import BusAway

RING_EVENTS = 1024
RING_BYTES = 8 << 20
STEP = 64
SCAN_STEP = 256
RETRY_S = 0.5
SCANS = 2
"""At a time: each reads all answers that the stream has, and anybody may ask for any command."""


class EventFeed:
    """Keeps the last events in memory; whoever is further behind reads the stream himself.

    A follower has a position and no queue, so one that takes nothing costs nothing.
    """

    def __init__(self, stream: EventStream, answers: EventStream) -> None:
        """Take what it needs.

        Args:
            stream: All public events.
            answers: Those that may answer a command.
        """
        self._stream = stream
        self._answers = answers
        self._ring: deque[StoredEvent] = deque()
        self._ring_bytes = 0
        self._floor = 0
        """All events after this one are in the ring."""
        self._position = 0
        self._changed = asyncio.Event()
        self._is_closed = False
        self._scanning = asyncio.Semaphore(SCANS)
        self._anew = 0
        """How often the stream was made anew, with sequences that begin again."""

    @property
    def position(self) -> int:
        """Sequence of the last event that is known here."""
        return self._position

    async def start(self) -> None:
        """Begin with what happens from now on.

        Raises:
            BusAway: The bus did not answer.
        """
        self._position = self._floor = await self._stream.last()

    def add(self, told: StoredEvent) -> None:
        """Take in one event and wake those who wait."""
        if told.sequence <= self._position:
            self._ring.clear()
            self._ring_bytes = 0
            self._floor = told.sequence - 1
            self._anew += 1
        self._ring.append(told)
        self._ring_bytes += len(told.body)
        self._position = told.sequence
        while len(self._ring) > RING_EVENTS or self._ring_bytes > RING_BYTES:
            oldest = self._ring.popleft()
            self._ring_bytes -= len(oldest.body)
            self._floor = oldest.sequence
        self._wake()

    def close(self) -> None:
        """End every follower."""
        self._is_closed = True
        self._wake()

    def follow(
        self, after: int | None, collections: Collection[str], *, idle_s: float = 15.0
    ) -> AsyncGenerator[StoredEvent | None, None]:
        """Give every event after a position (none: from this call on) until the feed is closed.

        None comes after each ``idle_s`` without news.
        """
        start = self._position if after is None else after
        return self._follow(start, self._anew, collections, idle_s)

    async def _follow(
        self, after: int, anew: int, collections: Collection[str], idle_s: float
    ) -> AsyncGenerator[StoredEvent | None, None]:
        cursor = await self._clamped(after)
        while not self._is_closed:
            if anew != self._anew:
                anew, cursor = self._anew, self._floor
            changed = self._changed
            fresh, cursor_after = await self._next(cursor)
            for told in fresh:
                cursor = told.sequence
                if told.collection in collections:
                    yield told
            cursor = max(cursor, cursor_after)
            if fresh or cursor < self._floor or self._is_closed:
                continue
            try:
                async with asyncio.timeout(idle_s):
                    await changed.wait()
            except TimeoutError:
                yield None

    async def answers(self, correlation_id: str) -> Sequence[StoredEvent]:
        """Find the events that answered a command, oldest first, as far as the stream goes back.

        Raises:
            BusAway: The bus did not answer.
        """
        async with self._scanning:
            return await self._scan(correlation_id)

    async def _scan(self, correlation_id: str) -> Sequence[StoredEvent]:
        found: list[StoredEvent] = []
        cursor, has_more = 0, True
        while has_more:
            events, has_more = await self._answers.some(cursor, SCAN_STEP)
            for told in events:
                cursor = told.sequence
                # Most are told apart without reading them.
                if correlation_id.encode() not in told.body:
                    continue
                event = told.read()
                if event is not None and correlation_id in event.answered:
                    found.append(told)
        return found

    async def _next(self, cursor: int) -> tuple[Sequence[StoredEvent], int]:
        """Return a few events after the cursor, and how far they reach."""
        if cursor >= self._floor:
            return self._from_ring(cursor), cursor
        floor = self._floor
        try:
            events, has_more = await self._stream.some(cursor, STEP)
        except BusAway:
            await asyncio.sleep(RETRY_S)
            return (), cursor
        return events, cursor if has_more else floor

    def _from_ring(self, cursor: int) -> Sequence[StoredEvent]:
        if not self._ring or self._ring[-1].sequence <= cursor:
            return ()
        ring = list(self._ring)
        start = bisect_right(ring, cursor, key=lambda told: told.sequence)
        return ring[start : start + STEP]

    async def _clamped(self, after: int) -> int:
        """Return the position, or the stream's end if it lies beyond: then the stream is new."""
        if after <= self._position:
            return after
        try:
            return min(after, await self._stream.last())
        except BusAway:
            return after

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
