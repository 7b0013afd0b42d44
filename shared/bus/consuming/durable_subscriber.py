"""FastStream's way to a durable consumer: a subscriber that pulls, and hands over micro-batches.

No other module knows what FastStream keeps to itself (``faststream._internal``), so its version
is pinned. Of FastStream's own pull subscribers this one has none of the faults: they drop messages
on the floor between two requests, start a loop again that has died, and are cancelled at a stop
without a word to the server.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from faststream import BaseMiddleware, ContextRepo
from faststream._internal.endpoint.subscriber.call_item import CallsCollection
from faststream.message import StreamMessage
from faststream.middlewares import AckPolicy
from faststream.nats import JStream, NatsBroker, NatsRouter, PullSub
from faststream.nats.broker.registrator import NatsRegistrator
from faststream.nats.message import NatsBatchMessage
from faststream.nats.subscriber.config import (
    NatsSubscriberConfig,
    NatsSubscriberSpecificationConfig,
)
from faststream.nats.subscriber.specification import NatsSubscriberSpecification
from faststream.nats.subscriber.usecases.basic import DefaultSubscriber
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig

from shared.bus.consuming.acknowledgement import AcknowledgementMiddleware, decode_or_dead_letter
from shared.bus.consuming.micro_batches import Window, wind_up
from shared.bus.consuming.pull_consumer import PullConsumer
from shared.bus.consuming.settling import Settler, heartbeat
from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.messages.received import Delivery
from shared.bus.registry.durables import Durable
from shared.task_groups import TaskGroup, end
from shared.waits import begin_work

GROUP_MESSAGES = 32


@dataclass(frozen=True, slots=True)
class Pull:
    """How messages are taken from a durable consumer."""

    max_messages: int
    """How many are handled together at most."""
    linger_s: float
    """How long it waits for more of them when there is one."""
    max_weight: float = math.inf
    """How much they may weigh together; 1 is the largest batch."""
    concurrency: int = 1
    """How many micro-batches are in hand at once; with more than one, they keep no order."""


def groups(concurrency: int) -> Pull:
    """Take one large message, or small ones that are no more together; several of that at once."""
    return Pull(GROUP_MESSAGES, 0, max_weight=1.0, concurrency=concurrency)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read, and how."""

    durable: Durable
    collection: str
    pull: Pull
    heartbeat_s: float
    """How often the server is told that a message that waits here is not forgotten."""

    @property
    def name(self) -> str:
        """The consumer's name."""
        return self.durable.name(self.collection)


class DurableSubscriber(DefaultSubscriber[list[Msg]]):
    """A durable consumer whose messages FastStream handles in micro-batches, in stream order."""

    def __init__(
        self,
        config: NatsSubscriberConfig,
        specification: NatsSubscriberSpecification,
        calls: CallsCollection[list[Msg]],
        reading: Reading,
    ) -> None:
        super().__init__(config, specification, calls)
        self.reading = reading
        # These two tell FastStream's broker for tests what is meant for us, and to hand us a list.
        self.stream = JStream(reading.durable.stream, declare=False)
        self.pull_sub = PullSub(batch=True)
        self._pulling: asyncio.Task[None] | None = None

    async def pulled(self) -> None:
        """Wait until nothing is pulled any more; to cancel this stops it.

        Raises:
            RuntimeError: It was not started.
            ExceptionGroup: It failed in a way that nobody foresaw.
        """
        if self._pulling is None:
            raise RuntimeError(f"{self.reading.name} is not read yet")
        await self._pulling

    async def stop(self) -> None:
        """Stop pulling; what is in hand is finished if it can be soon, all else given back."""
        if self._pulling is not None:
            await end([self._pulling])
        await super().stop()

    async def _create_subscription(self) -> None:
        if self._pulling is None or self._pulling.done():
            self._pulling = asyncio.ensure_future(self._pull())

    async def _pull(self) -> None:
        """Handle micro-batches until cancelled; what is in hand then is finished first."""
        reading, pull = self.reading, self.reading.pull
        window = Window(pull.max_messages, pull.max_weight, pull.concurrency)
        places = asyncio.Semaphore(pull.concurrency)
        stream = reading.durable.stream
        async with (
            PullConsumer(self.connection, stream, reading.name, window=window.messages) as puller,
            heartbeat(puller.waiting, reading.heartbeat_s),
            TaskGroup() as group,
        ):
            while True:
                await places.acquire()
                raws = await puller.take(
                    pull.max_messages, pull.linger_s, max_weight=pull.max_weight
                )
                puller.window = window.after(raws)
                finishing = group.create_task(self._finish(raws))
                # Not in the task: it may be cancelled before it has begun.
                finishing.add_done_callback(partial(_leave, puller, raws, places))

    async def _finish(self, raws: list[Msg]) -> None:
        """Handle messages; when cancelled, give that a little time."""
        parts = begin_work()
        # Not consume(): that swallows what is raised.
        work = asyncio.ensure_future(self.process_message(raws))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            with suppress(asyncio.CancelledError):
                await wind_up(work, parts)
            raise


class DurableRouter(NatsRouter):
    """A FastStream router whose subscribers read durable consumers."""

    def __init__(self, settler: Settler) -> None:
        def acknowledging(msg: Any, /, *, context: ContextRepo) -> BaseMiddleware:
            return AcknowledgementMiddleware(msg, context=context, settler=settler)

        super().__init__(middlewares=[acknowledging])
        self._settler = settler

    def durable(
        self, durable: Durable, collection: str, decode: Callable[[Delivery], Any], pull: Pull
    ) -> DurableSubscriber:
        """Subscribe the decorated function to a durable consumer of a collection.

        It is called with the list of what ``decode`` made of messages; one for which that raises
        InvalidMessage is dead-lettered alone. They are acked together after what it returned is
        published.
        """
        reading = Reading(durable, collection, pull, self._settler.heartbeat_s)

        async def decode_all(message: StreamMessage[list[Msg]]) -> list[Any]:
            return await decode_or_dead_letter(message, decode, self._settler)

        subscriber = _subscriber(self, reading, decode_all)
        super(NatsRegistrator, self).subscriber(subscriber)
        return subscriber.add_call(parser_=None, decoder_=None, dependencies_=())


def durable_subscribers(source: NatsBroker | NatsRouter) -> list[DurableSubscriber]:
    """Return the subscribers of a broker or router, and of its routers, that read consumers."""
    return [one for one in source.subscribers if isinstance(one, DurableSubscriber)]


@contextmanager
def included(broker: NatsBroker, routers: Sequence[NatsRouter]) -> Iterator[None]:
    """Make routers part of a broker until the block ends; nothing of them stays in it."""
    broker.include_routers(*routers)
    try:
        yield
    finally:
        for router in routers:
            broker.routers.remove(router)


def _subscriber(
    router: NatsRouter, reading: Reading, decode_all: Callable[..., Any]
) -> DurableSubscriber:
    subjects = reading.durable.subjects(reading.collection)
    calls = CallsCollection[list[Msg]]()
    outer: Any = router.config  # what it is composed of passes for one configuration
    config = NatsSubscriberConfig(
        subject="",
        sub_config=ConsumerConfig(filter_subjects=subjects),
        no_reply=True,
        _outer_config=outer,
        _ack_policy=AckPolicy.MANUAL,
    )
    config.parser, config.decoder = _parse, decode_all
    about = NatsSubscriberSpecificationConfig(
        subject="",
        queue=None,
        filter_subjects=subjects,
        title_=reading.name,
        description_=None,
        include_in_schema=False,
    )
    specification = NatsSubscriberSpecification(outer, about, calls)
    return DurableSubscriber(config, specification, calls, reading)


def _leave(
    puller: PullConsumer, raws: list[Msg], places: asyncio.Semaphore, _: asyncio.Task[None]
) -> None:
    puller.take_back(raws)
    places.release()


async def _parse(raws: list[Msg]) -> StreamMessage[list[Msg]]:
    """Wrap messages that are handled together; to FastStream the first one's name is theirs."""
    headers = raws[0].headers or {}
    name = headers.get(MESSAGE_ID) or raws[0].reply
    bodies = [raw.data for raw in raws]
    return NatsBatchMessage(
        raw_message=raws, body=bodies, headers=headers, message_id=name, correlation_id=name
    )
