"""Reads public streams without a durable consumer: in order, from any position, nothing missed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, StreamState

from shared.bus.pulling import Puller
from shared.errors import BusAway
from shared.waits import WAITS

WINDOW = 256
UNUSED_S = 60.0
"""The server deletes a consumer that nobody pulls from after this."""
CHECK_S = 3.0
"""Without messages for so long, ask whether the consumer is still there."""
RETRY_S = 0.5
FORGOTTEN_S = 30.0
BUS_ERRORS = (NatsError, TimeoutError, OSError)
Answer = TypeVar("Answer")
log = structlog.get_logger(__name__)


class Disordered(BusAway):
    """Messages were lost on the way; read again from the last good one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of which stream."""

    client: Client
    stream: str
    subjects: tuple[str, ...]
    headers_only: bool = False
    since: datetime | None = None
    """Only messages that were stored then or later."""

    async def count(self) -> int:
        """Tell how many messages there are now, without reading them.

        Raises:
            BusAway: The bus did not answer.
        """
        if not self.client.is_connected:
            raise BusAway("the bus is away")
        try:
            async with asyncio.timeout(15), self._consumer(0) as info:
                return info.num_pending or 0
        except BUS_ERRORS as error:
            raise BusAway(f"stream {self.stream}: {error!r}") from error

    async def state(self) -> StreamState:
        """Ask what the stream holds.

        Raises:
            BusAway: The bus did not answer.
        """
        if not self.client.is_connected:
            raise BusAway("the bus is away")
        try:
            return (await asked(self._js.stream_info(self.stream))).state
        except BUS_ERRORS as error:
            raise BusAway(f"stream {self.stream}: {error!r}") from error

    async def follow(
        self, after: int, *, on_end: Callable[[], None] | None = None
    ) -> AsyncGenerator[Msg, None]:
        """Give every message after a position, for ever; an absent server is waited for.

        ``on_end`` is called whenever all that the stream has was given.
        """
        reached = on_end or _nothing
        while True:
            try:
                async with self._consumer(after) as info, self._puller(info, WINDOW) as puller:
                    given = 0
                    WAITS.over(f"reading stream {self.stream}")
                    if not info.num_pending:
                        reached()
                    while True:
                        for raw in await self._take(puller, info.name, reached):
                            given += 1
                            _require_next(raw, given)
                            after = raw.metadata.sequence.stream
                            yield raw
                        if not raw.metadata.num_pending:
                            reached()
            except (*BUS_ERRORS, BusAway) as error:
                log.debug("tail.interrupted", stream=self.stream, error=repr(error))
                WAITS.failed(f"reading stream {self.stream}", error, within_s=FORGOTTEN_S)
            await asyncio.sleep(RETRY_S)

    async def some(self, after: int, most: int) -> tuple[list[Msg], bool]:
        """Return what the stream has after a position now, up to a number of messages.

        Returns:
            The messages, and whether there are more.

        Raises:
            BusAway: The bus did not answer.
        """
        if not self.client.is_connected:
            raise BusAway("the bus is away")
        found: list[Msg] = []
        try:
            async with asyncio.timeout(15), self._consumer(after) as info:
                wanted = min(info.num_pending or 0, most)
                if wanted:
                    async with self._puller(info, min(wanted, WINDOW)) as puller:
                        while len(found) < wanted:
                            for raw in await puller.take(wanted - len(found), 0):
                                found.append(raw)
                                _require_next(raw, len(found))
        except BUS_ERRORS as error:
            raise BusAway(f"stream {self.stream}: {error!r}") from error
        return found, (info.num_pending or 0) > wanted

    @property
    def _js(self) -> JetStreamContext:
        return self.client.jetstream(timeout=5)

    def _puller(self, info: ConsumerInfo, window: int) -> Puller:
        return Puller(self.client, self.stream, info.name, window=window)

    @asynccontextmanager
    async def _consumer(self, after: int) -> AsyncIterator[ConsumerInfo]:
        single = len(self.subjects) == 1
        config = ConsumerConfig(
            name=f"tail-{uuid4().hex}",
            **self._begin(after),
            ack_policy=AckPolicy.NONE,
            filter_subject=self.subjects[0] if single else None,
            filter_subjects=None if single else list(self.subjects),
            inactive_threshold=UNUSED_S,
            headers_only=self.headers_only or None,
            mem_storage=True,
            num_replicas=1,
        )
        info = await asked(self._js.add_consumer(self.stream, config))
        try:
            yield info
        finally:
            if self.client.is_connected:
                with suppress(*BUS_ERRORS):
                    await asked(self._js.delete_consumer(self.stream, info.name))

    def _begin(self, after: int) -> dict[str, Any]:
        # Who goes on after a message is past the time already.
        if self.since is None or after:
            return {
                "deliver_policy": DeliverPolicy.BY_START_SEQUENCE,
                "opt_start_seq": after + 1,
            }
        return {"deliver_policy": DeliverPolicy.BY_START_TIME, "opt_start_time": self.since}

    async def _take(self, puller: Puller, name: str, reached: Callable[[], None]) -> list[Msg]:
        while True:
            try:
                async with asyncio.timeout(CHECK_S):
                    return await puller.take(WINDOW, 0)
            except TimeoutError:
                if self.client.is_connected:
                    info = await asked(self._js.consumer_info(self.stream, name))
                    if not info.num_pending and not puller.waiting:
                        reached()


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


def _require_next(raw: Msg, expected: int) -> None:
    if raw.metadata.sequence.consumer != expected:
        raise Disordered(f"message {raw.metadata.sequence.consumer} came instead of {expected}")
