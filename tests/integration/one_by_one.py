"""The plainest use of a durable consumer: a handler of single messages, several at once."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from shared.bus.broker import Bus
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.registry.durables import Durable

HandleOne = Callable[[Delivery], Awaitable[Iterable[Outgoing]]]


def each(
    router: DurableRouter, durable: Durable, handle: HandleOne, *, concurrency: int = 1
) -> None:
    """Call ``handle`` for every message of the collection ``default``, as it came."""

    async def handle_one(deliveries: Sequence[Delivery]) -> Iterable[Outgoing]:
        (delivery,) = deliveries
        return await handle(delivery)

    for _ in range(concurrency):
        router.durable(durable, "default", as_it_is, Pull(1, 0))(handle_one)


def router_of(bus: Bus) -> DurableRouter:
    """Return a router of the bus for durable consumers."""
    router = DurableRouter(bus.settler)
    bus.broker.include_router(router)
    return router


def as_it_is(delivery: Delivery) -> Delivery:
    """Decode nothing."""
    return delivery
