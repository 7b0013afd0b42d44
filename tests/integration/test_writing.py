"""What leaves the dataset has left the moments before, whatever becomes of the bus."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from services.projection.subscribers.collection import decode_retraction
from services.writing.handlers.writer import Writer
from services.writing.subscribers import build_router
from shared.bus.broker import Bus, build_bus
from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.handover import BusHandover
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.batches import PROJECTION_BATCH, WRITING_RETRACTION
from shared.bus.registry.durables import PROJECTION_READS_RETRACTIONS
from shared.bus.registry.writing import MAP_REMOVED
from shared.bus.topology import apply_topology
from shared.clock import SystemClock
from shared.contracts.batches import ARROW, Batch, encode
from shared.contracts.writing import MapRemoved
from shared.errors import TransientError
from shared.settings import NatsSection
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.fakes.receiving import receiver_of
from tests.fakes.staging import FakeStaging
from tests.nats_server import NatsServer
from tests.unit.writing.scenes import ids, model, piece, read

pytestmark = pytest.mark.integration
STREAM = PROJECTION_READS_RETRACTIONS.stream


@pytest.fixture
async def bus(server: NatsServer, js: JetStreamContext) -> AsyncIterator[Bus]:
    del js  # the streams must exist first
    policy = RetryPolicy(first_delay_s=0.05, longest_delay_s=0.1)
    bus = build_bus(NatsSection(url=server.url), "writing", policy=policy)
    await bus.connect()
    yield bus
    await bus.close()


def handover(bus: Bus, patience_s: float = 60) -> BusHandover:
    return BusHandover(bus, PROJECTION_READS_RETRACTIONS, "default", patience_s)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)


async def handled(js: JetStreamContext) -> bytes:
    """Settle the oldest message as projection does; return its body."""
    name = PROJECTION_READS_RETRACTIONS.name("default")
    subscription = await js.pull_subscribe_bind(name, STREAM)
    (message,) = await subscription.fetch(1, timeout=30)
    await message.ack_sync()
    await subscription.unsubscribe()
    return message.data


async def removed(js: JetStreamContext) -> MapRemoved:
    """Wait until it is told what left the map."""
    async with asyncio.timeout(30):
        while True:
            with suppress(NotFoundError):
                found = await js.get_last_msg(MAP_REMOVED.stream, MAP_REMOVED.subject("default"))
                return MapRemoved.model_validate_json(found.data or b"")
            await asyncio.sleep(0.02)


async def send(js: JetStreamContext, batch: Batch) -> None:
    subject = PROJECTION_BATCH.subject("default")
    await js.publish(subject, encode(batch), headers={"content-type": ARROW})


@pytest.mark.parametrize("rows", [2, 0], ids=["replaced", "forgotten"])
async def test_rows_stay_until_their_vectors_have_left_the_moments(
    js: JetStreamContext, bus: Bus, rows: int
) -> None:
    store = FakeDatasetStore()
    writer = Writer(
        "default",
        store=store,
        staging=FakeStaging(),
        models=FakeModelArchive(model(1)),
        handover=handover(bus, patience_s=0.2),
        clock=SystemClock(),
    )
    router = build_router(bus.settler, await receiver_of(writer, store), Pull(8, 0))
    bus.broker.include_router(router)
    async with bus.consuming():
        await send(js, piece())
        await until(lambda: writer.figures.rows == 2)
        await send(js, piece(version=2, rows=rows))
        await until(lambda: "does not handle" in str(writer.figures.blocked))
        assert await read(store, "id") == ids(piece())
        (gone,) = decode_retraction(await handled(js))
        assert gone.batch_id == piece().descriptor.batch_id
        await until(lambda: (writer.figures.blocked, writer.figures.rows) == (None, rows))
        told = await removed(js)

    assert [one.descriptor.source_version for one in store.batches] == [2] * bool(rows)
    assert [(one.filename, one.below_version) for one in told.sources] == [("s.jsonl", 2)]
    assert (await js.stream_info(STREAM)).state.messages == 0


def note(number: int) -> Outgoing:
    return Outgoing(WRITING_RETRACTION, "default", f"note:{number}", b"")


async def notes(*numbers: int) -> AsyncIterator[Outgoing]:
    for number in numbers:
        yield note(number)


async def test_what_is_sent_twice_is_handed_over_once(js: JetStreamContext, bus: Bus) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(handover(bus).deliver(notes(1, 2)))
        for _ in range(2):
            await handled(js)

    await handover(bus).deliver(notes(1, 2))
    await handover(bus).deliver(notes())

    assert (await js.stream_info(STREAM)).state.last_seq == 2


async def test_what_is_new_is_waited_for_though_a_second_copy_follows_it(
    js: JetStreamContext, bus: Bus
) -> None:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(handover(bus).deliver(notes(1)))
        await handled(js)

    with pytest.raises(TransientError, match="does not handle"):
        await handover(bus, patience_s=0.2).deliver(notes(2, 1))


async def test_what_a_new_consumer_has_settled_is_not_what_was_sent(
    js: JetStreamContext, bus: Bus
) -> None:
    async def lost_meanwhile() -> AsyncIterator[Outgoing]:
        yield note(1)
        await js.delete_stream(STREAM)
        await apply_topology(js, ["default"])
        await js.publish(WRITING_RETRACTION.subject("default"), b"another")
        await handled(js)

    with pytest.raises(TransientError, match="is not the one"):
        await handover(bus).deliver(lost_meanwhile())
