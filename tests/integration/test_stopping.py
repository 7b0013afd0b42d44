"""A stop leaves nothing with the one that stopped: what is not done can be delivered at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from nats.js import JetStreamContext

from shared.bus import micro_batches
from shared.bus.broker import build_bus
from shared.bus.durables import EMBEDDING_READS_BATCHES
from shared.bus.outgoing import Outgoing
from shared.bus.received import Delivery
from shared.bus.subscriptions import Subscriber
from shared.bus.topology import apply_topology
from shared.settings import NatsSection
from tests.integration.one_by_one import as_it_is
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
DURABLE = EMBEDDING_READS_BATCHES
LONG_S = 600.0
"""Far longer than the test: what is not handed back stays away."""
ROUNDS = 12
MESSAGES = 40


class Handled:
    """Notes what it was given, and is as slow as told."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.begun = asyncio.Event()
        self.done: list[bytes] = []

    async def many(self, deliveries: Sequence[Delivery]) -> Iterable[Outgoing]:
        self.begun.set()
        await asyncio.sleep(self.seconds)
        self.done += [delivery.body for delivery in deliveries]
        return ()


def subscribed(to: Subscriber, kind: str, handled: Handled) -> None:
    if kind == "groups":
        to.groups(DURABLE, "default", as_it_is, handled.many, concurrency=4)
    else:
        to.micro_batches(
            DURABLE, "default", as_it_is, handled.many, max_messages=16, max_wait_s=0.0
        )


@pytest.fixture
async def slow_to_redeliver(js: JetStreamContext) -> JetStreamContext:
    await apply_topology(js, ["default"], ack_wait_s=LONG_S)
    return js


@asynccontextmanager
async def consuming(server: NatsServer, subscribe: Callable[[Subscriber], Any]) -> AsyncIterator:
    bus = build_bus(NatsSection(url=server.url, ack_wait_s=LONG_S), "embedding")
    subscribe(bus.subscriber)
    async with bus.consuming():
        yield bus
    await bus.close()


async def rest(server: NatsServer, js: JetStreamContext, kind: str) -> list[bytes]:
    """Handle what is left; the server waits far longer for what it believes to be in hand.

    What was handed back still counts as in hand until it is delivered again, so its figures do not
    tell.
    """
    handled = Handled()
    async with consuming(server, lambda to: subscribed(to, kind, handled)), asyncio.timeout(100):
        while (await js.stream_info(DURABLE.stream)).state.messages:
            await asyncio.sleep(0.05)
    return handled.done


@pytest.mark.parametrize("kind", ["groups", "micro-batches"])
async def test_whenever_it_stops_all_comes_again_or_is_done(
    kind: str, server: NatsServer, slow_to_redeliver: JetStreamContext
) -> None:
    js, done = slow_to_redeliver, []
    for stop in range(ROUNDS):
        for number in range(MESSAGES):
            await js.publish("discovery.batch.default", str(stop * MESSAGES + number).encode())
        handled = Handled(0.001)
        async with consuming(server, lambda to: subscribed(to, kind, handled)):  # noqa: B023
            await handled.begun.wait()
            await asyncio.sleep(0.001 * stop)
        done += handled.done
    done += await rest(server, js, kind)

    assert sorted(map(int, done)) == list(range(ROUNDS * MESSAGES))


@pytest.mark.parametrize("kind", ["groups", "micro-batches"])
async def test_what_takes_too_long_to_finish_is_handed_back(
    kind: str,
    server: NatsServer,
    slow_to_redeliver: JetStreamContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(micro_batches, "GRACEFUL_S", 0.1)
    js, handled = slow_to_redeliver, Handled(LONG_S)
    await js.publish("discovery.batch.default", b"0")
    async with consuming(server, lambda to: subscribed(to, kind, handled)):
        await handled.begun.wait()

    assert handled.done == []
    assert await rest(server, js, kind) == [b"0"]


async def test_a_stop_while_the_server_is_away_ends_in_peace(server: NatsServer) -> None:
    bus = build_bus(NatsSection(url=server.url), "embedding")
    client = await bus.connect()
    await server.kill()
    await until(lambda: client.is_reconnecting)
    await client.publish("discovery.batch.default", b"stays in the buffer")

    await bus.close()

    assert not client.is_connected
