"""Subscribes a service's functions to its durable consumers."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.bus.durables import (
    Durable,
)
from shared.bus.micro_batches import MicroBatches
from shared.bus.outgoing import Outgoing
from shared.bus.received import Delivery
from shared.bus.settling import Settler

One = Callable[[Delivery], Awaitable[Iterable[Outgoing]]]
Many = Callable[[Sequence[Any]], Awaitable[Iterable[Outgoing]]]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where the subscriptions of one service go."""

    settler: Settler
    micro_batched: list[MicroBatches] = field(default_factory=list)

    def each(
        self, durable: Durable, collection: str, handle: One, *, concurrency: int = 1
    ) -> None:
        """Call ``handle`` for every message; publish what it returns; then ack.

        Up to ``concurrency`` messages are in hand at once, and none beyond: each place pulls its
        next message when it is done with the one before. What ``handle`` raises is settled for it:
        the message is buried if it is InvalidMessage, retried otherwise.
        """

        async def handle_one(deliveries: Sequence[Delivery]) -> Iterable[Outgoing]:
            (delivery,) = deliveries
            return await handle(delivery)

        for _ in range(concurrency):
            self.micro_batches(
                durable, collection, _undecoded, handle_one, max_messages=1, max_wait_s=0
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


def _undecoded(delivery: Delivery) -> Delivery:
    return delivery
