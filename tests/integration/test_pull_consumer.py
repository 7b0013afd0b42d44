"""A server that says nothing for a while costs neither messages nor the connection."""

import asyncio
from collections.abc import AsyncIterator

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from shared.bus.consuming import pull_consumer
from shared.bus.consuming.pull_consumer import PullConsumer
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
DURABLE = EMBEDDING_READS_BATCHES


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(server.url, max_reconnect_attempts=0)
    yield client
    await client.close()


def a_puller(client: Client) -> PullConsumer:
    return PullConsumer(client, DURABLE.stream, DURABLE.name("default"), window=8)


async def taken(puller: PullConsumer, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < count:
            for raw in await puller.take(8, 0):
                found.append(int(raw.data))
                await raw.ack()
    return found


async def test_it_asks_again_while_the_server_is_silent_and_loses_nothing(
    server: NatsServer,
    js: JetStreamContext,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pull_consumer, "SILENCE_S", 0.1)
    monkeypatch.setattr(pull_consumer, "IDLE_HEARTBEAT_S", 0.1)
    inboxes = set[str]()
    async with a_puller(client) as puller:
        taking = asyncio.ensure_future(taken(puller, 20))
        server.freeze()
        await until(lambda: inboxes.add(puller._inbox) or len(inboxes) > 3)
        server.thaw()
        for number in range(20):
            await js.publish("discovery.batch.default", str(number).encode())

        assert sorted(await taking) == list(range(20))
    assert client.is_connected


async def test_to_be_cancelled_at_its_end_does_not_cost_the_connection(
    server: NatsServer, js: JetStreamContext, client: Client
) -> None:
    entered = asyncio.Event()

    async def pull() -> None:
        async with a_puller(client) as puller:
            entered.set()
            await puller.take(1, 0)

    pulled = asyncio.ensure_future(pull())
    await entered.wait()
    await client.flush()
    server.freeze()
    for _ in range(3):
        pulled.cancel()
        await asyncio.wait({pulled}, timeout=0.1)
    server.thaw()

    await client.flush()
    assert (await js.stream_info(DURABLE.stream)).config.name == DURABLE.stream
    async with a_puller(client) as puller:
        await js.publish("discovery.batch.default", b"7")
        assert await taken(puller, 1) == [7]
