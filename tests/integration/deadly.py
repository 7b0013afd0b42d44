"""A service that is ended by what it reads: ``python -m tests.integration.deadly URL FOLDER WAY``.

Any message with ``poison`` in it kills the process while it is in hand, as a crash in native code
would; the others are handled. Two ways more have no such message: ``memory`` dies of several
messages at once, as of all memory, and ``outage`` waits for somebody else as long as a file
``away`` is in the folder.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from shared.bus.broker import build_bus
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES, PROJECTION_READS_BATCHES
from shared.settings import NatsSection
from shared.waits import WAITS, pause
from tests.integration.one_by_one import each, router_of

AWAY, WAITING = "away", "waiting"
IN_HAND: list[int] = []
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


async def handle_alone(delivery: Delivery) -> Iterable[Outgoing]:
    IN_HAND.append(delivery.sequence)
    await asyncio.sleep(TOGETHER)
    if len(IN_HAND) > 1:
        os.kill(os.getpid(), signal.SIGKILL)
    IN_HAND.remove(delivery.sequence)
    return ()


async def wait_while_away(folder: Path, _: Delivery) -> Iterable[Outgoing]:
    with WAITS.trying("somebody else") as trial:
        while (folder / AWAY).exists():
            trial.failed("away")
            (folder / WAITING).touch()
            await pause(TOGETHER)
    return ()


async def handle_many(bodies: Sequence[bytes]) -> Iterable[Outgoing]:
    await asyncio.sleep(TOGETHER * len(bodies) / 16)
    return ()


async def main(url: str, folder: Path, way: str) -> None:
    bus = build_bus(NatsSection(url=url), "embedding", state=folder)
    one_by_one = {
        "each": handle_one, "memory": handle_alone, "outage": partial(wait_while_away, folder)
    }  # fmt: skip
    if way in one_by_one:
        each(router_of(bus), EMBEDDING_READS_BATCHES, one_by_one[way], concurrency=4)
    else:
        router_of(bus).durable(PROJECTION_READS_BATCHES, "default", read, Pull(16, 0.1))(
            handle_many
        )
    async with bus.consuming():
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
