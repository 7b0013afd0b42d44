"""A subject that is full keeps nobody from the others, by the real server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from nats.js import JetStreamContext
from nats.js.errors import APIError

from shared.bus.broker import Bus, build_bus
from shared.bus.messages.outgoing import Outgoing
from shared.bus.publishing.queues import is_subject_full
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.durables import PROJECTION_READS_BATCHES
from shared.bus.registry.streams import BY_NAME, STREAMS
from shared.bus.topology import apply_topology
from shared.settings import NatsSection
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.integration

NAMES = ("stuck", "busy")
STREAM = BY_NAME["EMBEDDING"]
MOST = STREAM.max_per_subject or 0


@pytest.fixture
async def bus(server: NatsServer, js: JetStreamContext) -> AsyncIterator[Bus]:
    del js  # the server answers
    bus = build_bus(NatsSection(url=server.url), "embedding")
    await bus.connect()
    yield bus
    await bus.close()


def message(collection: str, number: int, size: int = 1) -> Outgoing:
    return Outgoing(EMBEDDING_BATCH, collection, f"{collection}-{number}", bytes(size))


async def fill(js: JetStreamContext, collection: str, count: int) -> None:
    for number in range(count):
        await js.publish(EMBEDDING_BATCH.subject(collection), f"{number}".encode())


async def held(js: JetStreamContext, collection: str) -> int:
    info = await js.stream_info(STREAM.name, subjects_filter=EMBEDDING_BATCH.subject(collection))
    return sum((info.state.subjects or {}).values())


async def take(js: JetStreamContext, collection: str, count: int) -> int:
    reader = await js.pull_subscribe_bind(PROJECTION_READS_BATCHES.name(collection), STREAM.name)
    taken = await reader.fetch(count, timeout=60)
    for one in taken:
        await one.ack_sync()
    await reader.unsubscribe()
    return len(taken)


async def declare(js: JetStreamContext, *, bounded: bool) -> None:
    streams = STREAMS if bounded else [replace(one, max_per_subject=None) for one in STREAMS]
    await apply_topology(js, NAMES, streams=streams)


async def is_bounded(js: JetStreamContext) -> bool:
    config = (await js.stream_info(STREAM.name)).config
    return (config.max_msgs_per_subject, config.discard_new_per_subject) == (MOST, True)


async def test_a_full_subject_refuses_its_own_collection_only(js: JetStreamContext) -> None:
    await declare(js, bounded=True)
    await fill(js, "stuck", MOST)

    with pytest.raises(APIError) as refused:
        await js.publish(EMBEDDING_BATCH.subject("stuck"), b"one too many")
    assert is_subject_full(refused.value)
    await fill(js, "busy", 1)
    assert (await held(js, "stuck"), await held(js, "busy")) == (MOST, 1)


@pytest.mark.parametrize("count", [MOST // 2 + 1, MOST + 50])
async def test_a_stream_that_holds_much_of_a_collection_loses_nothing_when_it_is_declared(
    js: JetStreamContext, count: int
) -> None:
    """The server throws the oldest away of what is above a new bound."""
    await declare(js, bounded=False)
    await fill(js, "stuck", count)

    await declare(js, bounded=True)
    assert await held(js, "stuck") == count
    assert not await is_bounded(js)

    while await held(js, "stuck") > MOST // 2:
        await take(js, "stuck", 50)
    left = await held(js, "stuck")
    await declare(js, bounded=True)
    assert await is_bounded(js)
    assert await held(js, "stuck") == left

    await fill(js, "stuck", MOST - left)
    await declare(js, bounded=True)
    assert await is_bounded(js), "a bound that is there stays, however full it is"
    assert await held(js, "stuck") == MOST


async def test_who_waits_for_a_full_subject_holds_up_no_other_and_sends_each_message_once(
    js: JetStreamContext, bus: Bus
) -> None:
    await declare(js, bounded=True)
    await fill(js, "stuck", MOST)
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(bus.publisher.publish(message("stuck", number)))
            for number in range(20)
        ]
        await until(lambda: bus.publisher.waiting_since_tries > 0)
        await bus.publisher.publish_all([message("busy", number) for number in range(50)])
        assert not any(one.done() for one in waiting)
        assert (await held(js, "stuck"), await held(js, "busy")) == (MOST, 50)

        assert await take(js, "stuck", 20) == 20
    assert await held(js, "stuck") == MOST


async def test_a_stream_without_room_is_waited_for_by_all(js: JetStreamContext, bus: Bus) -> None:
    streams = [replace(one, max_bytes=300_000) if one is STREAM else one for one in STREAMS]
    await apply_topology(js, NAMES, streams=streams)
    await bus.publisher.publish(message("stuck", 0, 250_000))
    async with asyncio.TaskGroup() as group:
        large = group.create_task(bus.publisher.publish(message("stuck", 1, 200_000)))
        await until(lambda: bus.publisher.waiting_since_tries > 0)
        small = group.create_task(bus.publisher.publish(message("busy", 0)))
        await asyncio.sleep(0.5)
        assert not large.done()
        assert not small.done()

        assert await take(js, "stuck", 1) == 1
    assert await small > await large
