"""The plainest use of a durable consumer: a handler of single messages, several at once."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from shared.bus.consuming.subscriptions import Subscriber
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.registry.durables import Durable

HandleOne = Callable[[Delivery], Awaitable[Iterable[Outgoing]]]


def each(
    subscriber: Subscriber, durable: Durable, handle: HandleOne, *, concurrency: int = 1
) -> None:
    """Call ``handle`` for every message of the collection ``default``, as it came."""

    async def handle_one(deliveries: Sequence[Delivery]) -> Iterable[Outgoing]:
        (delivery,) = deliveries
        return await handle(delivery)

    for _ in range(concurrency):
        subscriber.micro_batches(
            durable, "default", as_it_is, handle_one, max_messages=1, max_wait_s=0
        )


def as_it_is(delivery: Delivery) -> Delivery:
    """Decode nothing."""
    return delivery
