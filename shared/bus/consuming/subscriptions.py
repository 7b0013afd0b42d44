"""Subscribes a service's functions to its durable consumers."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.bus.consuming.micro_batches import MicroBatches
from shared.bus.consuming.settling import Settler
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.registry.durables import (
    Durable,
)

GROUP_MESSAGES = 32
Many = Callable[[Sequence[Any]], Awaitable[Iterable[Outgoing]]]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where the subscriptions of one service go."""

    settler: Settler
    micro_batched: list[MicroBatches] = field(default_factory=list)

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
