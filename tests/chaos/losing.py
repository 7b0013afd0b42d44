"""Takes from the bus what it holds: a stream, a consumer, or everything."""

import asyncio
import random
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from tests.chaos.world import World, listening

READERS = {
    "DISCOVERY": "embedding",
    "EMBEDDING": "projection",
    "PROJECTION": "writing",
    "RETRACTIONS": "projection",
    "SETTLED": "projection",
}
"""Of the streams of work: the service that reads each, of those that read SETTLED one."""
HOLD_S = 3.0


@dataclass(frozen=True, slots=True)
class Losses:
    """Of the bus of one world."""

    world: World
    dice: random.Random

    @asynccontextmanager
    async def unread(self, stream: str, begun: asyncio.Event) -> AsyncIterator[None]:
        """Stop who reads a stream, for a while and until it holds something: what is lost then.

        The reader dies with it, since the bus has given it some of that already.
        """
        reader = self.world.processes[READERS[stream]]
        reader.signal(signal.SIGSTOP)
        begun.set()
        try:
            end_s = asyncio.get_running_loop().time() + HOLD_S
            while not await self._holds(stream) and asyncio.get_running_loop().time() < end_s:
                await asyncio.sleep(0.1)
            await asyncio.sleep(self.dice.uniform(0.0, 1.5))
            yield
        finally:
            reader.signal(signal.SIGKILL)

    async def _holds(self, stream: str) -> bool:
        with suppress(NatsError, TimeoutError):
            info = await self.world.client.jetstream(timeout=2).stream_info(stream)
            return info.state.messages > 0
        return False

    async def lose(self, stream: str) -> None:
        js = self.world.client.jetstream(timeout=2)
        for _ in range(50):
            with suppress(NatsError, TimeoutError):
                with suppress(NotFoundError):
                    await js.delete_stream(stream)
                return
            await asyncio.sleep(0.1)

    async def lose_everything(self) -> None:
        server = self.world.processes["nats-server"]
        await server.up()
        server.hold_s = 0.3
        server.signal(signal.SIGKILL)
        shutil.rmtree(self.world.folder / "nats" / "store", ignore_errors=True)
        await listening(self.world.port)

    async def lose_consumer(self, stream: str) -> None:
        js = self.world.client.jetstream(timeout=2)
        for _ in range(50):
            with suppress(NatsError, TimeoutError, NotFoundError):
                names = [one.name for one in await js.consumers_info(stream)]
                if names:
                    await js.delete_consumer(stream, self.dice.choice(sorted(names)))
                return
            await asyncio.sleep(0.1)
