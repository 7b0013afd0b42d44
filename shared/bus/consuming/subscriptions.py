"""Subscribes a service's functions to its durable consumers."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.bus.consuming.durable_subscriber import DurableRouter, Pull, groups
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.registry.durables import Durable

Many = Callable[[Sequence[Any]], Awaitable[Iterable[Outgoing]]]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where the subscriptions of one service go that are no decorated functions."""

    router: DurableRouter

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

        Up to ``concurrency`` groups are in hand at once, in no order.
        """
        self.router.durable(durable, collection, decode, groups(concurrency))(handle)

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
        """Call ``handle`` with up to ``max_messages`` decoded messages, in stream order."""
        self.router.durable(durable, collection, decode, Pull(max_messages, max_wait_s))(handle)
