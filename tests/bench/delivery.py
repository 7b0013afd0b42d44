"""The handling of messages beside a bare client: ``python -m tests.bench.delivery``.

They are there before the clock starts, are decoded and acked, and noted while they are in hand.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from statistics import median

import nats
import numpy as np
from nats.aio.client import Client

from shared.bus.broker import build_bus
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.durables import PROJECTION_READS_BATCHES
from shared.bus.topology import apply_topology
from shared.contracts.batches import Batch, decode
from shared.settings import NatsSection
from tests.builders import embedded_batch
from tests.nats_server import NatsServer

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


async def measure(folder: Path) -> dict[str, list[float]]:
    server = await NatsServer(folder / "nats").start()
    client = await nats.connect(server.url)
    await apply_topology(client.jetstream(), ["default"])
    vectors = np.random.default_rng(0).standard_normal((RECORDS, 384)).astype(np.float32)
    one = outgoing_batch(EMBEDDING_BATCH, embedded_batch(vectors))
    results: dict[str, list[float]] = {name: [] for name in WAYS}
    for round_ in range(ROUNDS + 1):
        for name, take in WAYS.items():
            await fill(client, one)
            cost_us = 1e6 * await take(server.url, folder / "state") / MESSAGES
            if round_:  # the first round warms up
                results[name].append(cost_us)
    await client.close()
    await server.stop()
    return results


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = asyncio.run(measure(Path(folder)))
    base = median(results["bare client"])
    for name, costs in results.items():
        each = ", ".join(f"{one:.0f}" for one in costs)
        ratio = median(costs) / base
        sys.stdout.write(
            f"{name:>12}: {median(costs):.0f} µs of CPU a message, ratio {ratio:.2f} ({each})\n"
        )
    sys.stdout.write(json.dumps({"delivery": results}) + "\n")


if __name__ == "__main__":
    main()
