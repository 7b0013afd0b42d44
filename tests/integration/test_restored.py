"""What a server has again that was killed between an ack and the removal of the message."""

import shutil
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.channel import Channel
from shared.bus.registry.durables import (
    DISCOVERY_READS_SETTLED,
    EMBEDDING_READS_BATCHES,
    Durable,
)
from shared.bus.registry.writing import WRITING_SETTLED
from shared.bus.topology import apply_topology, backlog
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.integration


async def sent(js: JetStreamContext, channel: Channel, number: int, to: str = "default") -> None:
    for one in range(number):
        await js.publish(channel.subject(to), b"%d" % one)


async def settle(js: JetStreamContext, durable: Durable, number: int) -> None:
    reader = await js.pull_subscribe_bind(durable.name("default"), durable.stream)
    for one in await reader.fetch(number, timeout=PATIENCE_S):
        await one.ack_sync()
    await reader.unsubscribe()


async def stored(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


async def test_what_was_settled_and_came_back_is_removed(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    durable, collections = EMBEDDING_READS_BATCHES, ["default", "other"]
    await apply_topology(js, collections)
    (messages,) = (tmp_path / "nats").glob("store/**/streams/DISCOVERY/msgs")
    await sent(js, DISCOVERY_BATCH, 1, to="other")
    await sent(js, DISCOVERY_BATCH, 4)
    await server.stop()
    shutil.copytree(messages, tmp_path / "before")
    await server.start()
    await settle(js, durable, 3)
    await server.stop()
    shutil.rmtree(messages)
    shutil.copytree(tmp_path / "before", messages)
    await server.start()
    before = await stored(js, "DISCOVERY")
    await apply_topology(js, collections)

    assert (before, await stored(js, "DISCOVERY")) == (5, 2)
    assert [(await backlog(js, durable, one)).total for one in collections] == [1, 1]


async def test_what_one_of_two_has_not_settled_stays(js: JetStreamContext) -> None:
    await sent(js, WRITING_SETTLED, 2)
    await settle(js, DISCOVERY_READS_SETTLED, 2)
    await apply_topology(js, ["default"])

    assert await stored(js, "SETTLED") == 2
