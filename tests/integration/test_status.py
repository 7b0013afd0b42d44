"""What services tell of themselves, to whoever asks over the real server."""

import asyncio
import json
from functools import partial

import nats
import pytest
from faststream.nats import NatsBroker
from nats.aio.msg import Msg

from services.cli.handlers.figures import Figures
from shared.bus.service_discovery import announce
from shared.bus.status import STATS, collect
from shared.contracts.statuses import Status, UnreadableStatus
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration


async def test_a_service_that_should_be_there_may_be_late(server: NatsServer) -> None:
    """On a machine with much to do it would be called absent."""
    client = await nats.connect(server.url)
    is_asked = asyncio.Event()

    async def answer(question: Msg) -> None:
        is_asked.set()
        await is_late.wait()
        told = {"name": "mapstream-slow", "endpoints": [{"data": {"state": "running"}}]}
        await question.respond(json.dumps(told).encode())

    is_late = asyncio.Event()
    await client.subscribe(STATS, cb=answer)
    broker = await connected(server)
    await announce(broker, "quick", "1.0.0", "a stand-in", lambda: {"state": "running"})
    await broker.start()  # as when the service begins its work; it must not answer twice
    asking = asyncio.create_task(collect(client, wait_s=0, awaited=("slow", "quick")))
    await until(is_asked.is_set)
    is_late.set()

    assert await asking == {"slow": [Status(state="running")], "quick": [Status(state="running")]}
    await broker.stop()
    await client.close()


async def connected(server: NatsServer) -> NatsBroker:
    broker = NatsBroker(server.url, serializer=None, logger=None)
    await broker.connect()
    return broker


async def test_of_two_replicas_one_answers_a_request_for_the_status(server: NatsServer) -> None:
    client = await nats.connect(server.url)
    brokers = [await connected(server) for _ in range(2)]
    for broker in brokers:
        await announce(broker, "twin", "1.0.0", "a stand-in", lambda: {"state": "running"})
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    await client.publish("$SRV.PING.mapstream-twin", reply=inbox)
    ids = {json.loads((await answers.next_msg(PATIENCE_S)).data)["id"] for _ in brokers}
    assert len(ids) == len(brokers)

    for _ in range(3):
        await client.request("mapstream.status.twin", timeout=PATIENCE_S)
    counts = []
    for one in ids:
        told = await client.request(f"{STATS}.mapstream-twin.{one}", timeout=PATIENCE_S)
        counts.append(json.loads(told.data)["endpoints"])

    assert sum(endpoint["num_requests"] for (endpoint,) in counts) == 3
    for broker in brokers:
        await broker.stop()
    await client.close()


async def test_a_service_that_is_away_is_not_waited_for_for_ever(server: NatsServer) -> None:
    client = await nats.connect(server.url)

    assert await collect(client, wait_s=0, awaited=("nobody",)) == {}
    await client.close()


async def respond(body: bytes, question: Msg) -> None:
    await question.respond(body)


async def test_an_answer_of_another_shape_is_named_and_not_gone_by(server: NatsServer) -> None:
    """Whoever reads it, status, top and the gateway, would end with a traceback."""
    client = await nats.connect(server.url)
    odd = {"state": "running", "collections": {"default": {"rows": "7"}}}
    for body in (b"[", b"7", b"[1]", b'{"name": 7}', b'{"name": "mapstream-a", "endpoints": [1]}'):
        await client.subscribe(STATS, cb=partial(respond, body))
    broker = await connected(server)
    await announce(broker, "writing", "1.0.0", "a stand-in", lambda: odd)
    await announce(broker, "sound", "1.0.0", "a stand-in", lambda: {"state": "running"})

    told = await collect(client, awaited=("writing", "sound"))

    assert told == {
        "writing": [
            UnreadableStatus(
                service="writing",
                unreadable="collections.default.rows: Input should be a valid integer",
            )
        ],
        "sound": [Status(state="running")],
    }
    assert not Figures.of(told, {}, "default").is_everybody_running
    await broker.stop()
    await client.close()
