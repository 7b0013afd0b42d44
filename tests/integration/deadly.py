"""A service that is ended by what it reads: ``python -m tests.integration.deadly URL FOLDER WAY``.

Any message with ``poison`` in it kills the process while it is in hand, as a crash in native code
would; the others are handled.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from shared.bus.broker import build_bus
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES, PROJECTION_READS_BATCHES
from shared.settings import NatsSection
from tests.integration.one_by_one import each, router_of

TOGETHER = 0.1
"""Seconds that a harmless message is in hand, so that it is beside the poison."""


def read(delivery: Delivery) -> bytes:
    if b"poison" in delivery.body:
        os.kill(os.getpid(), signal.SIGKILL)
    return delivery.body


async def handle_one(delivery: Delivery) -> Iterable[Outgoing]:
    await asyncio.sleep(TOGETHER)
    read(delivery)
    return ()


async def handle_many(bodies: Sequence[bytes]) -> Iterable[Outgoing]:
    await asyncio.sleep(TOGETHER * len(bodies) / 16)
    return ()


async def main(url: str, folder: Path, way: str) -> None:
    bus = build_bus(NatsSection(url=url), "embedding", state=folder)
    if way == "each":
        each(router_of(bus), EMBEDDING_READS_BATCHES, handle_one, concurrency=4)
    else:
        router_of(bus).durable(PROJECTION_READS_BATCHES, "default", read, Pull(16, 0.1))(
            handle_many
        )
    async with bus.consuming():
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
