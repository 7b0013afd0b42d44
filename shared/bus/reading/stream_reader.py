"""Reads public streams without a durable consumer: in order, from any position, nothing missed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog
from nats.aio.client import Client
from nats.js.api import StreamState

from shared.bus.connection import BUS_ERRORS, jetstream
from shared.bus.reading.direct_get import Piece, Stored, covering, read_piece
from shared.bus.registry.channel import every_of, split_subject
from shared.errors import BusAway
from shared.waits import WAITS

WINDOW = 256
CHECK_S = 3.0
"""Without messages for so long, ask whether the stream is still the same."""
FIRST_PAUSE_S = 0.02
LONGEST_PAUSE_S = 0.25
"""Between two looks at a stream that has nothing new."""
RETRY_S = 0.5
FORGOTTEN_S = 30.0
Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Pace:
    """Looks often where something has just come, and less and less where nothing does."""

    pause_s: float = FIRST_PAUSE_S
    idle_s: float = 0.0

    @property
    def is_long_idle(self) -> bool:
        return self.idle_s >= CHECK_S

    async def wait(self, *, is_new: bool) -> None:
        if is_new:
            self.pause_s, self.idle_s = FIRST_PAUSE_S, 0.0
        await asyncio.sleep(self.pause_s)
        self.idle_s += self.pause_s
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)


@dataclass(frozen=True, slots=True)
class StreamReader:
    """What is read of which stream."""

    client: Client
    stream: str
    subjects: tuple[str, ...]
    """Each of one collection, or the wildcard of all."""
    since: datetime | None = None
    """Only messages that were stored then or later."""

    async def count(self) -> int:
        """Tell how many messages there are now, without reading them.

        Raises:
            BusAway: The bus did not answer.
        """
        piece = await self._piece(0, 1)
        return len(piece.messages) + piece.left

    async def state(self) -> StreamState:
        """Ask what the stream holds.

        Raises:
            BusAway: The bus did not answer.
        """
        self._require_connection()
        try:
            js = jetstream(self.client, timeout_s=5)
            return (await asked(js.stream_info(self.stream))).state
        except BUS_ERRORS as error:
            raise BusAway(f"stream {self.stream}: {error!r}") from error

    async def follow(
        self, after: int, *, on_end: Callable[[], None] | None = None
    ) -> AsyncGenerator[Stored, None]:
        """Give every message after a position, for ever; an absent server is waited for.

        ``on_end`` is called whenever all that the stream has was given. A stream that was made
        anew is read from its beginning.
        """
        reached = on_end or _nothing
        pace = _Pace()
        while True:
            try:
                if pace.is_long_idle:
                    after = await self._same(after)
                    pace.idle_s = 0.0
                piece = await self._piece(after, WINDOW)
                WAITS.over(f"reading stream {self.stream}")
            except BusAway as error:
                log.debug("tail.interrupted", stream=self.stream, error=repr(error))
                WAITS.failed(f"reading stream {self.stream}", error, within_s=FORGOTTEN_S)
                await asyncio.sleep(RETRY_S)
                continue
            for one in piece.messages:
                after = one.sequence
                if self._is_meant(one):
                    yield one
            if not piece.left:
                reached()
                await pace.wait(is_new=bool(piece.messages))

    async def some(self, after: int, most: int) -> tuple[list[Stored], bool]:
        """Return what the stream has after a position now, up to a number of messages.

        Returns:
            The messages, and whether there are more.

        Raises:
            BusAway: The bus did not answer.
        """
        found: list[Stored] = []
        left = 1
        while left and len(found) < most:
            piece = await self._piece(after, min(most - len(found), WINDOW))
            left = piece.left if piece.messages else 0
            if piece.messages:
                after = piece.messages[-1].sequence
            found += filter(self._is_meant, piece.messages)
        return found, left > 0

    async def _piece(self, after: int, most: int) -> Piece:
        """Read on.

        Raises:
            BusAway: The bus did not answer.
        """
        self._require_connection()
        # Who goes on after a message is past the time already.
        if self.since is None or after:
            start: dict[str, Any] = {"seq": after + 1}
        else:
            start = {"start_time": self.since.isoformat()}
        wanted = {**start, "batch": most, "next_by_subj": covering(self.subjects)}
        try:
            return await asked(read_piece(self.client, self.stream, wanted))
        except BUS_ERRORS as error:
            raise BusAway(f"stream {self.stream}: {error!r}") from error

    async def _same(self, after: int) -> int:
        """Return the position, or the beginning if the stream does not reach to it any more."""
        return after if (await self.state()).last_seq >= after else 0

    def _is_meant(self, one: Stored) -> bool:
        family, _ = split_subject(one.subject)
        return one.subject in self.subjects or every_of(family) in self.subjects

    def _require_connection(self) -> None:
        if not self.client.is_connected:
            raise BusAway("the bus is away")


async def asked(call: Coroutine[Any, Any, Answer]) -> Answer:
    """Await a call of nats-py; it may be cancelled at any time.

    nats-py awaits its answers with ``asyncio.wait_for``, which in Python 3.11 forgets that it was
    cancelled if the answer comes at that moment: the loop would go on for ever.
    """
    task = asyncio.ensure_future(call)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        raise
    return task.result()


async def patiently(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask until the bus answers."""
    with WAITS.trying("reading the bus") as trial:
        while True:
            try:
                return await ask()
            except BusAway as error:
                log.debug("bus.waiting", error=str(error))
                trial.failed(error)
                await asyncio.sleep(RETRY_S)


def _nothing() -> None:
    """Tell nobody."""
