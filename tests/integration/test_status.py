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
from tests.waiting import until

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
