"""A service that works on collections on a real server, and tells what it does."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nats.js import JetStreamContext

from shared.assignments import Activity, Assignments
from shared.bus.broker import Bus, build_bus
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES
from shared.bus.topology import apply_topology
from shared.errors import ConfigurationError
from shared.observability import instruments
from shared.settings import NatsSection
from tests.nats_server import NatsServer

LONG_S = 600.0
"""Far longer than the test: what is not given back stays away."""


@dataclass(slots=True)
class Work:
    """What a service does for its collections, and what is open."""

    bus: Bus
    folder: Path
    open: list[str] = field(default_factory=list)
    looping: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    seen: list[tuple[str, bytes]] = field(default_factory=list)
    holds: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is clear, what ends with an exclamation mark is in hand."""
    finished: asyncio.Event | None = None
    """What is awaited before a collection is left that has nothing more to do."""
    routers: list[weakref.ref[DurableRouter]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Those that cannot be opened."""

    @asynccontextmanager
    async def opened(self, name: str) -> AsyncIterator[Activity]:
        if name in self.refused:
            raise ConfigurationError(f"{name} cannot be opened")
        router = DurableRouter(self.bus.settler)

        @router.durable(EMBEDDING_READS_BATCHES, name, body_of, Pull(1, 0))
        async def note(bodies: Sequence[bytes]) -> Sequence[Outgoing]:
            self.seen.extend((name, one) for one in bodies)
            if any(one.endswith(b"!") for one in bodies):
                await self.holds.wait()
            if b"fail" in bodies:
                raise ConfigurationError(f"{name} cannot go on")
            return ()

        async def loop() -> None:
            self.looping.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                self.looping.remove(name)

        self.routers.append(weakref.ref(router))
        self.open.append(name)
        try:
            finish = self.finished.wait if self.finished else None
            yield Activity(routers=(router,), loops=(loop,), finish=finish)
        finally:
            self.open.remove(name)

    @property
    def assignments(self) -> Assignments:
        return Assignments(
            self.bus,
            (EMBEDDING_READS_BATCHES,),
            lambda name: [self.folder / name],
            self.opened,
            self.told.append,
        )


def body_of(delivery: Delivery) -> bytes:
    return delivery.body


async def send(js: JetStreamContext, name: str, *bodies: bytes) -> None:
    for body in bodies:
        await js.publish(DISCOVERY_BATCH.subject(name), body)


@asynccontextmanager
async def connected(server: NatsServer, js: JetStreamContext, folder: Path) -> AsyncIterator[Work]:
    await apply_topology(js, ["one", "other"], ack_wait_s=LONG_S)
    bus = build_bus(NatsSection(url=server.url), "embedding")
    await bus.connect()
    yield Work(bus, folder)
    await bus.close()
    instruments._served.clear()
