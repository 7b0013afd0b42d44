"""Hands messages to a handler in micro-batches, in stream order."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from shared.bus import message_metrics
from shared.bus.consuming.delivery import Bury, require_survivable
from shared.bus.consuming.pull_consumer import PullConsumer, give_back, weight_of
from shared.bus.consuming.settling import Settler, handling, heartbeat
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery, delivery_of
from shared.bus.publishing.dead_letter_limit import DeadLetterRefused
from shared.bus.registry.durables import (
    Durable,
)
from shared.errors import ConfigurationError, InvalidMessage, TransientError
from shared.failpoints import Failpoint, reached
from shared.waits import Work, begin_work

GRACEFUL_S = 10.0
"""How long what is in hand may take to be finished when the service stops."""
AFTER_WORK_S = 2.0
LOOK_S = 0.1
"""How often it is looked whether what is in hand merely waits for somebody else."""
log = structlog.get_logger(__name__)


async def end(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel tasks until all have ended.

    Before Python 3.12 a cancellation can get lost in asyncio.wait_for, which nats-py uses, and a
    task group cancels but once.
    """
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=GRACEFUL_S + AFTER_WORK_S)


async def _wind_up(work: asyncio.Future[None], parts: Work) -> None:
    """Let work be finished if it can be soon; a part that waits for somebody else cannot."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        while not work.done():
            patience_s = min([GRACEFUL_S, *parts.patience_s.values()])
            if loop.time() - started >= patience_s:
                break
            await asyncio.wait({work}, timeout=LOOK_S)
    finally:
        if not work.done():
            work.cancel()
    await asyncio.wait({work}, timeout=AFTER_WORK_S)


class Window:
    """How many messages to ask for ahead: such as those before made as many as are wanted.

    Without a limit of weight, that is one micro-batch. With one, it follows what messages weigh:
    large ones are not hoarded, which another replica could handle, and small ones do not come
    one by one.
    """

    def __init__(self, max_messages: int, max_weight: float, concurrency: int) -> None:
        self._max_messages = max_messages
        self._max_weight = max_weight
        self._concurrency = concurrency
        self.messages = concurrency if math.isfinite(max_weight) else max_messages

    def after(self, raws: Sequence[Msg]) -> int:
        """Take note of the last micro-batch; it grows by steps, and shrinks at once."""
        if math.isfinite(self._max_weight):
            mean = sum(map(weight_of, raws)) / len(raws)
            fitting = int(self._max_weight / mean) if mean else self._max_messages
            wanted = self._concurrency * max(1, min(fitting, self._max_messages))
            self.messages = min(wanted, 2 * self.messages)
        return self.messages


@dataclass(frozen=True, slots=True)
class MicroBatches:
    """One durable consumer whose messages are handled together.

    When they fail together in a way that is no outage, or a process ended with one of them in
    hand, they are handled one by one: what is wrong with one is not to be the others' fate.
    """

    durable: Durable
    collection: str
    decode: Callable[[Delivery], Any]
    handle: Callable[[Sequence[Any]], Awaitable[Iterable[Outgoing]]]
    settler: Settler
    max_messages: int
    linger_s: float
    max_weight: float = math.inf
    """How much the messages of a micro-batch may weigh together; 1 is the largest batch."""
    concurrency: int = 1
    """How many micro-batches are in hand at once; with more than one, they keep no order."""

    async def run(self, client: Client) -> None:
        """Handle micro-batches until cancelled; what is in hand then is finished first."""
        name = self.durable.name(self.collection)
        window = Window(self.max_messages, self.max_weight, self.concurrency)
        places = asyncio.Semaphore(self.concurrency)
        async with (
            PullConsumer(client, self.durable.stream, name, window=window.messages) as puller,
            heartbeat(puller.waiting, self.settler.heartbeat_s),
            asyncio.TaskGroup() as group,
        ):
            while True:
                await places.acquire()
                raws = await puller.take(
                    self.max_messages, self.linger_s, max_weight=self.max_weight
                )
                puller.window = window.after(raws)
                message_metrics.received(self.settler.stage, raws)
                group.create_task(self._finished(raws, places))

    async def _finished(self, raws: list[Msg], places: asyncio.Semaphore) -> None:
        try:
            await self._finish(raws)
        finally:
            places.release()

    async def _finish(self, raws: list[Msg]) -> None:
        """Handle messages; when cancelled, give that a little time, and back what is left."""
        parts = begin_work()
        work = asyncio.ensure_future(self._settled(raws))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            with suppress(asyncio.CancelledError):
                await _wind_up(work, parts)
            with suppress(NatsError):
                await give_back(raws)
            raise

    async def _settled(self, raws: list[Msg]) -> None:
        async with handling(raws, self.settler.heartbeat_s):
            suspected = len(raws) > 1 and await self.settler.poison_guard.deaths(raws)
            if suspected or not await self._tried(raws):
                for raw in raws:
                    if not raw.is_acked:
                        await self._settled([raw])

    async def _tried(self, raws: list[Msg]) -> bool:
        """Handle messages together; tell whether they are settled, else each is to be tried."""
        async with self.settler.poison_guard.taken(raws) as deaths:
            try:
                require_survivable(deaths, self.settler.policy)
                with message_metrics.handled(self.settler.stage, raws):
                    await self._handled(raws)
            except ConfigurationError:  # no message's fault: the process cannot work here
                with suppress(NatsError):
                    await give_back(raws)
                raise
            except Exception as error:  # noqa: BLE001  the one place that catches everything
                # A refused burial is about some of them only; the others are well.
                is_shared = not isinstance(error, TransientError)
                if len(raws) > 1 and (is_shared or isinstance(error, DeadLetterRefused)):
                    log.warning("micro_batch.divided", messages=len(raws), error=repr(error))
                    return False
                verdict = await self.settler.settle(error, raws)
                for raw in raws:
                    if raw.is_acked:
                        continue
                    if isinstance(verdict, Bury):
                        await raw.term()
                    else:
                        await raw.nak(delay=verdict.delay_s)
        return True

    async def _handled(self, raws: list[Msg]) -> None:
        decoded = []
        for raw in raws:
            try:
                decoded.append(self.decode(delivery_of(raw)))
            except InvalidMessage as error:
                message_metrics.failed(self.settler.stage, raw, error)
                await self.settler.bury(raw, str(error), error)
                await raw.term()
        if decoded:
            await self.settler.publisher.publish_all(await self.handle(decoded))
            reached(Failpoint.PUBLISHED)
        for raw in raws:
            if not raw.is_acked:
                await raw.ack()
                self.settler.done(raw)
