"""Subscribes a service's functions to its durable consumers."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from faststream.nats import NatsBroker, PullSub
from faststream.params import NoCast
from nats.js.api import ConsumerConfig

from shared.bus.durables import (
    Durable,
)
from shared.bus.micro_batches import MicroBatches
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.received import Delivery, delivery_of
from shared.bus.settling import Settler
from shared.bus.streams import BY_NAME
from shared.cut_points import CutPoint, reached

PULL_TIMEOUT_S = 1.0
"""How long one pull waits; also how soon consumption goes on after a restart of the server."""

GROUP_MESSAGES = 32
AnyBody = NoCast[Any]
One = Callable[[Delivery], Awaitable[Iterable[Outgoing]]]
Many = Callable[[Sequence[Any]], Awaitable[Iterable[Outgoing]]]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where the subscriptions of one service go."""

    broker: NatsBroker
    publisher: Publisher
    settler: Settler
    inbox_prefix: str
    micro_batched: list[MicroBatches] = field(default_factory=list)

    def each(
        self, durable: Durable, collection: str, handle: One, *, concurrency: int = 1
    ) -> None:
        """Call ``handle`` for every message; publish what it returns; then ack.

        Up to ``concurrency`` messages are in hand at once, and none beyond: each place pulls its
        next message when it is done with the one before. What ``handle`` raises is settled by the
        middleware: buried if it is InvalidMessage, retried otherwise.
        """

        async def on_message(body: AnyBody) -> None:  # noqa: ARG001  the context has it whole
            raw = self.broker.context.get("message").raw_message
            await self.publisher.publish_all(await handle(delivery_of(raw)))
            reached(CutPoint.PUBLISHED)

        subjects = durable.subjects(collection)
        several = ConsumerConfig(filter_subjects=subjects) if len(subjects) > 1 else None
        for _ in range(concurrency):
            self.broker.subscriber(
                "" if several else subjects[0],
                config=several,
                stream=BY_NAME[durable.stream].reference(),
                durable=durable.name(collection),
                pull_sub=PullSub(batch_size=1, timeout=PULL_TIMEOUT_S),
                inbox_prefix=f"{self.inbox_prefix}.".encode(),
                title=durable.name(collection),
            )(on_message)

    def groups(
        self,
        durable: Durable,
        collection: str,
        decode: Callable[[Delivery], Any],
        handle: Many,
        *,
        concurrency: int,
    ) -> None:
        """Call ``handle`` with one large message, or with small ones that are no more together.

        Up to ``concurrency`` groups are in hand at once, in no order. What fails is settled as in
        ``micro_batches``.
        """
        self.micro_batched.append(
            MicroBatches(
                durable,
                collection,
                decode,
                handle,
                self.settler,
                max_messages=GROUP_MESSAGES,
                linger_s=0,
                max_weight=1.0,
                concurrency=concurrency,
            )
        )

    def micro_batches(
        self,
        durable: Durable,
        collection: str,
        decode: Callable[[Delivery], Any],
        handle: Many,
        *,
        max_messages: int,
        max_wait_s: float,
    ) -> None:
        """Call ``handle`` with up to ``max_messages`` decoded messages, in stream order.

        A message for which ``decode`` raises InvalidMessage is buried alone. The others are acked
        together after what ``handle`` returned is published, and retried together if it raises.
        """
        self.micro_batched.append(
            MicroBatches(
                durable, collection, decode, handle, self.settler, max_messages, max_wait_s
            )
        )
