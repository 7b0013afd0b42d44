"""The handling of messages beside a bare client: ``python -m tests.bench.delivery``.

They are there before the clock starts, are decoded and acked, and noted while they are in hand.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import nats
from nats.aio.client import Client

from shared.bus.broker import build_bus
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.durables import PROJECTION_READS_BATCHES
from shared.contracts.batches import Batch, decode
from shared.settings import NatsSection
from tests.bench.rounds import Costs, batch_of, declared_server, in_rounds, tell

MESSAGES = 400
ROUNDS = 9
RECORDS = 128
TOGETHER = 64

Take = Callable[[str, Path], Awaitable[float]]


async def bare(url: str, folder: Path) -> float:
    """Take messages with nats-py alone; returns the CPU seconds."""
    del folder
    client = await nats.connect(url)
    durable = PROJECTION_READS_BATCHES
    name = durable.name("default")
    reader = await client.jetstream().pull_subscribe_bind(name, durable.stream)
    started, seen = time.process_time(), 0
    while seen < MESSAGES:
        for raw in await reader.fetch(TOGETHER, timeout=10):
            decode(raw.data)
            await raw.ack()
            seen += 1
    seconds = time.process_time() - started
    await client.close()
    return seconds


def ours(most: int) -> Take:
    """Take up to so many messages together."""

    async def take(url: str, folder: Path) -> float:
        bus = build_bus(NatsSection(url=url), "projection", state=folder)
        done, seen = asyncio.Event(), 0
        router = DurableRouter(bus.settler)
        pull = Pull(max_messages=most, linger_s=0.01)

        @router.durable(PROJECTION_READS_BATCHES, "default", lambda one: decode(one.body), pull)
        async def handle(some: Sequence[Batch]) -> Iterable[Outgoing]:
            nonlocal seen
            seen += len(some)
            if seen >= MESSAGES:
                done.set()
            return ()

        bus.broker.include_router(router)
        await bus.connect()
        started = time.process_time()
        async with bus.consuming():
            await done.wait()
            seconds = time.process_time() - started
        await bus.close()
        return seconds

    return take


WAYS: dict[str, Take] = {"bare client": bare, "together": ours(TOGETHER), "one by one": ours(1)}


async def fill(client: Client, one: Outgoing) -> None:
    """Publish what is taken next, and wait until it is stored."""
    js = client.jetstream()
    for _ in range(MESSAGES):
        await js.publish(one.channel.subject(one.collection), one.body, headers=dict(one.headers))


async def measure(folder: Path) -> Costs:
    async with declared_server(folder / "nats") as (server, client):
        one = batch_of(RECORDS)

        async def cost_us(take: Take) -> float:
            await fill(client, one)
            return 1e6 * await take(server.url, folder / "state") / MESSAGES

        return await in_rounds(
            {name: partial(cost_us, take) for name, take in WAYS.items()}, ROUNDS
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tell("delivery", "µs", asyncio.run(measure(Path(folder))), digits=0)


if __name__ == "__main__":
    main()
