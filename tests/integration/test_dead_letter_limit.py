"""A stage that would bury too much halts, holds its messages, and goes on when all is mended."""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext

import pytest
from nats.js import JetStreamContext

from shared.assignments import Resources
from shared.bus.broker import Bus, build_bus
from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.messages.received import Delivery
from shared.bus.registry.batches import EMBEDDING_BATCH, PROJECTION_BATCH
from shared.bus.registry.durables import PROJECTION_READS_BATCHES
from shared.bus.topology import apply_topology
from shared.contracts.batches import Batch, decode, encode
from shared.errors import InvalidMessage
from shared.observability import metrics
from shared.runtime import RUNNING, Service
from shared.settings import NatsSection, ServiceSettings
from tests.builders import batch
from tests.integration.one_by_one import router_of
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.integration


class Stage:
    """Takes batches that are well; while it is broken, gives all up."""

    def __init__(self) -> None:
        self.is_broken = True
        self.tries = 0

    def decode(self, delivery: Delivery) -> Batch:
        return decode(delivery.body)

    async def handle(self, batches: Sequence[Batch]) -> Iterable[Outgoing]:
        self.tries += 1
        if self.is_broken or any(b"poison" in encode(one) for one in batches):
            raise InvalidMessage("broken")
        return [outgoing_batch(PROJECTION_BATCH, one) for one in batches]


async def build(server: NatsServer, stage: Stage) -> Bus:
    policy = RetryPolicy(first_delay_s=0.02, longest_delay_s=0.05)
    section = NatsSection(url=server.url, dead_share_from=5)
    bus = build_bus(section, "projection", policy=policy)
    await bus.connect()
    router_of(bus).durable(PROJECTION_READS_BATCHES, "default", stage.decode, Pull(8, 0.01))(
        stage.handle
    )
    return bus


async def send(
    js: JetStreamContext, first: int, count: int, text: str = "well", collection: str = "default"
) -> None:
    for number in range(first, first + count):
        one = batch((text,), batch_id=f"b{number}")
        one = Batch(one.descriptor.model_copy(update={"collection": collection}), one.rows)
        await js.publish(EMBEDDING_BATCH.subject(collection), encode(one))


async def messages(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


def told_halted(bus: Bus) -> tuple[float, str]:
    """Return what the metrics and the status of the stage say."""
    service = Service(
        name="projection",
        about="",
        settings=ServiceSettings(),
        bus=bus,
        resources=lambda: nullcontext(Resources()),
    )
    service.state = RUNNING
    (reading,) = [one for one in service.readings() if one.gauge is metrics.HALTED]
    assert reading.labels == {"stage": "projection"}
    return reading.value, service.status()["state"]


async def test_a_broken_stage_halts_and_loses_nothing_and_recovers_by_itself(
    server: NatsServer, js: JetStreamContext
) -> None:
    stage = Stage()
    bus = await build(server, stage)
    await send(js, 0, 30)

    async with bus.consuming():
        limit = bus.publisher.dead_letter_limits.of("default")

        async def is_without_the_buried() -> bool:
            return await messages(js, "EMBEDDING") <= 26

        await until(lambda: limit.halted is not None and stage.tries > 40)
        await until(is_without_the_buried)
        assert await messages(js, "DEAD_LETTERS") == 4
        assert await messages(js, "EMBEDDING") == 26
        assert "nats.max_dead_share" in str(limit.halted)
        assert told_halted(bus) == (1, "halted")

        stage.is_broken = False

        async def is_drained() -> bool:
            return await messages(js, "EMBEDDING") == 0

        await until(is_drained)
        assert limit.halted is None
        assert told_halted(bus) == (0, "running")
    await bus.close()

    assert await messages(js, "DEAD_LETTERS") == 4


async def test_while_it_halts_what_is_well_still_passes(
    server: NatsServer, js: JetStreamContext
) -> None:
    stage = Stage()
    stage.is_broken = False
    bus = await build(server, stage)
    await send(js, 0, 10, "poison")

    async with bus.consuming():

        async def is_halted() -> bool:
            return bus.publisher.dead_letter_limits.halted is not None

        await until(is_halted)
        await send(js, 10, 40)

        async def all_settled() -> bool:
            return await messages(js, "EMBEDDING") == 0

        await until(all_settled)
    await bus.close()

    assert await messages(js, "DEAD_LETTERS") == 10


async def test_a_collection_that_halts_keeps_no_other_from_giving_up_single_records(
    server: NatsServer, js: JetStreamContext
) -> None:
    await apply_topology(js, ["other"])
    stage = Stage()
    bus = await build(server, stage)
    router_of(bus).durable(PROJECTION_READS_BATCHES, "other", stage.decode, Pull(8, 0.01))(
        stage.handle
    )
    limits = bus.publisher.dead_letter_limits
    await send(js, 0, 10, "poison")

    async with bus.consuming():
        await until(lambda: limits.of("default").halted is not None)
        stage.is_broken = False
        await send(js, 10, 1, "poison", "other")

        async def is_given_up() -> bool:
            return await messages(js, "DEAD_LETTERS") == 5

        await until(is_given_up)
        assert limits.of("default").halted is not None
    await bus.close()
