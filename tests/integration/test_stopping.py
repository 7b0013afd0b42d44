"""A stop leaves nothing with the one that stopped: what is not done can be delivered at once."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext

from shared.bus.broker import build_bus
from shared.bus.consuming import micro_batches, pull_consumer
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull, groups
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES
from shared.bus.topology import apply_topology, wait_for_durables
from shared.errors import TransientError
from shared.settings import NatsSection
from shared.waits import WAITS
from tests.integration.one_by_one import as_it_is, router_of
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

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


class Blocked(Handled):
    """Waits for a server that is away."""

    async def many(self, deliveries: Sequence[Delivery]) -> Iterable[Outgoing]:
        del deliveries
        with WAITS.trying("a server") as trial:
            trial.failed("away")
            self.begun.set()
            await asyncio.sleep(LONG_S)
        return ()


def subscribed(to: DurableRouter, kind: str, handled: Handled) -> None:
    if kind == "groups":
        to.durable(DURABLE, "default", as_it_is, groups(4))(handled.many)
    else:
        to.durable(DURABLE, "default", as_it_is, Pull(16, 0.0))(handled.many)


@pytest.fixture
async def slow_to_redeliver(
    js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> JetStreamContext:
    monkeypatch.setattr(pull_consumer, "ANSWER_S", LONG_S)  # whatever else this machine does
    await apply_topology(js, ["default"], ack_wait_s=LONG_S)
    return js


@asynccontextmanager
async def consuming(
    server: NatsServer, subscribe: Callable[[DurableRouter], Any]
) -> AsyncIterator:
    bus = build_bus(NatsSection(url=server.url, ack_wait_s=LONG_S), "embedding")
    subscribe(router_of(bus))
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
    """Many times: the server may answer a request that is withdrawn with what is handed back."""
    monkeypatch.setattr(micro_batches, "GRACEFUL_S", 0.0)
    js = slow_to_redeliver
    await js.publish("discovery.batch.default", b"0")
    for _ in range(3 * ROUNDS):
        handled = Handled(LONG_S)
        async with consuming(server, lambda to: subscribed(to, kind, handled)):  # noqa: B023
            async with asyncio.timeout(PATIENCE_S):
                await handled.begun.wait()
        assert handled.done == []

    assert await rest(server, js, kind) == [b"0"]


@pytest.mark.parametrize("kind", ["groups", "micro-batches"])
async def test_what_waits_for_somebody_else_is_handed_back_at_once(
    kind: str,
    server: NatsServer,
    slow_to_redeliver: JetStreamContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stop would wait for a server that is away as long as for work that goes on."""
    monkeypatch.setattr(micro_batches, "GRACEFUL_S", LONG_S)
    js, handled = slow_to_redeliver, Blocked()
    await js.publish("discovery.batch.default", b"0")
    async with consuming(server, lambda to: subscribed(to, kind, handled)):
        await handled.begun.wait()

    assert handled.done == []
    assert await rest(server, js, kind) == [b"0"]


async def test_a_full_stream_is_told_and_keeps_no_handler_from_stopping(
    server: NatsServer, slow_to_redeliver: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro_batches, "GRACEFUL_S", LONG_S)
    js = slow_to_redeliver
    config = (await js.stream_info(EMBEDDING_BATCH.stream)).config
    await js.update_stream(dataclasses.replace(config, max_bytes=512))
    await js.publish("discovery.batch.default", b"0")

    async def publish_more(_: Sequence[Delivery]) -> Iterable[Outgoing]:
        return [Outgoing(EMBEDDING_BATCH, "default", "more", bytes(4096))]

    def subscribe(to: DurableRouter) -> None:
        to.durable(DURABLE, "default", as_it_is, groups(1))(publish_more)

    async with consuming(server, subscribe):
        told = (await until(WAITS.told))[0]

    assert told["what"] == "publishing embedding.batch"
    assert told["reason"].startswith("stream EMBEDDING does not take it now: maximum bytes")
    assert WAITS.told() == []
    assert await rest(server, js, "groups") == [b"0"]


async def test_a_message_that_fails_again_and_again_is_told_until_it_is_handled(
    server: NatsServer, js: JetStreamContext
) -> None:
    await js.publish("discovery.batch.default", b"0")
    trouble: list[Exception] = [TransientError("the other side is away")]

    async def handle(_: Sequence[Delivery]) -> Iterable[Outgoing]:
        if trouble:
            raise trouble[0]
        return ()

    async with consuming(
        server, lambda to: to.durable(DURABLE, "default", as_it_is, groups(1))(handle)
    ):
        told = (await until(WAITS.told))[0]
        trouble.clear()
        await until(lambda: not WAITS.told())

    assert told["what"] == "handling discovery.batch"
    assert told["reason"] == "the other side is away"


async def test_durables_that_are_missing_are_told_until_they_are_declared(
    server: NatsServer,
) -> None:
    client = await nats.connect(server.url)
    js = client.jetstream(timeout=PATIENCE_S)
    async with asyncio.TaskGroup() as group:
        reasons: list[str] = []
        waiting = wait_for_durables(js, [DURABLE], ["default"], on_missing=reasons.append)
        group.create_task(waiting)
        told = (await until(WAITS.told))[0]
        await apply_topology(js, ["default"])
    await client.close()

    assert told["what"] == f"durable consumer {DURABLE.stream}/{DURABLE.name('default')}"
    assert "mapstream streams apply" in told["reason"]
    assert WAITS.told() == []


async def test_a_bus_that_is_away_is_told_until_it_is_back(server: NatsServer) -> None:
    bus = build_bus(NatsSection(url=server.url), "embedding")
    await bus.connect()
    await server.kill()
    told = (await until(WAITS.told))[0]
    await server.start()
    await until(lambda: not WAITS.told())
    await bus.close()

    assert told["what"] == "connecting to the bus"
    assert told["reason"]


async def test_a_stop_while_the_server_is_away_ends_in_peace(server: NatsServer) -> None:
    bus = build_bus(NatsSection(url=server.url), "embedding")
    client = await bus.connect()
    await server.kill()
    await until(lambda: client.is_reconnecting)
    await client.publish("discovery.batch.default", b"stays in the buffer")

    await bus.close()

    assert not client.is_connected
