"""What the delivery code counts, against the real server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import nats
import pytest
from nats.js import JetStreamContext

from shared.bus.broker import build_bus
from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.messages.causation import FIRST_PUBLISHED
from shared.bus.messages.headers import RECORDS
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.messages.received import Delivery
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.batches import DISCOVERY_BATCH, EMBEDDING_BATCH
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES, PROJECTION_READS_BATCHES
from shared.bus.topology import measure_backlog
from shared.contracts.batches import Batch, decode
from shared.errors import InvalidMessage, TransientError
from shared.observability.instruments import REGISTRY
from shared.settings import NatsSection
from tests.builders import batch
from tests.integration.one_by_one import each, router_of
from tests.metering import Gained, metered
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.integration

STAGE = "embedding"
FLOW = {"stage": STAGE, "collection": "default", "family": "discovery.batch"}


@asynccontextmanager
async def stage(url: str, subscribe: Callable[[DurableRouter], None]) -> AsyncIterator[Publisher]:
    policy = RetryPolicy(max_failures=3, first_delay_s=0.02, longest_delay_s=0.1)
    bus = build_bus(NatsSection(url=url), STAGE, policy=policy)
    subscribe(router_of(bus))
    async with bus.consuming():
        yield bus.publisher
    await bus.close()


async def counted(gained: Gained, name: str, value: float, **labels: str) -> None:
    await until(lambda: gained(name, **labels) >= value)


def failing(*errors: Exception) -> Callable[[Delivery], Any]:
    left = list(errors)

    async def handle(delivery: Delivery) -> Iterable[Outgoing]:
        if left:
            raise left.pop(0)
        return [outgoing_batch(EMBEDDING_BATCH, decode(delivery.body))]

    return handle


@pytest.mark.usefixtures("js")
async def test_every_end_of_a_message_is_counted(server: NatsServer) -> None:
    handle = failing(TransientError("away"), RuntimeError("a bug"), InvalidMessage("never"))
    gained = metered()
    async with stage(
        server.url, lambda to: each(to, EMBEDDING_READS_BATCHES, handle)
    ) as publisher:
        await publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch(batch_id="bad")))
        await counted(gained, "mapstream_messages_settled_total", 1, outcome="buried")
        await publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch(batch_id="good")))
        await counted(gained, "mapstream_messages_settled_total", 1, outcome="acked")

    assert gained("mapstream_messages_received_total", **FLOW) == 4
    assert gained("mapstream_records_received_total", **FLOW) == 8
    assert gained("mapstream_redeliveries_total", **FLOW) == 2
    assert gained("mapstream_messages_settled_total", outcome="retried", **FLOW) == 2
    for reason in ("transient", "unexpected", "invalid"):
        assert gained("mapstream_handling_failures_total", reason=reason, **FLOW) == 1, reason
    assert gained("mapstream_handling_seconds_count", **FLOW) == 4
    assert gained("mapstream_batch_age_seconds_count", **FLOW) == 1
    assert gained("mapstream_dead_letters_total", stage=STAGE, collection="default") == 1
    assert gained("mapstream_dead_records_total", stage=STAGE, collection="default") == 2
    published = gained("mapstream_records_published_total", family="embedding.batch")
    assert published == 2


@pytest.mark.usefixtures("js")
async def test_a_micro_batch_is_one_handling_of_many_messages(server: NatsServer) -> None:
    sizes: list[int] = []

    async def handle(batches: Sequence[Batch]) -> Iterable[Outgoing]:
        sizes.append(len(batches))
        return ()

    def subscribe(to: DurableRouter) -> None:
        to.durable(
            PROJECTION_READS_BATCHES,
            "default",
            lambda delivery: decode(delivery.body),
            Pull(8, 0.2),
        )(handle)

    labels = {**FLOW, "family": "embedding.batch"}
    gained = metered()
    async with stage(server.url, subscribe) as publisher:
        for number in range(5):
            one = batch(batch_id=f"b{number}")
            await publisher.publish(outgoing_batch(EMBEDDING_BATCH, one))
        await counted(gained, "mapstream_messages_settled_total", 5, outcome="acked", **labels)

    assert gained("mapstream_messages_received_total", **labels) == sum(sizes) == 5
    assert gained("mapstream_handling_seconds_count", **labels) == len(sizes)
    assert gained("mapstream_batch_age_seconds_count", **labels) == 5


async def test_the_age_of_a_batch_is_told_onwards(
    server: NatsServer, js: JetStreamContext
) -> None:
    """Each stage publishes anew; without the header a batch would be young at every stage."""
    client = await nats.connect(server.url)
    headers = {"Nats-Msg-Id": "discovery:b", "ce-time": "2020-01-01T00:00:00+00:00", RECORDS: "2"}
    out = outgoing_batch(DISCOVERY_BATCH, batch(batch_id="b"))
    gained = metered()
    async with stage(server.url, lambda to: each(to, EMBEDDING_READS_BATCHES, failing())):
        await js.publish("discovery.batch.default", out.body, headers=headers)
        await counted(gained, "mapstream_batch_age_seconds_count", 1, **FLOW)

    age_s = gained("mapstream_batch_age_seconds_sum", **FLOW)
    stored = await js.get_msg("EMBEDDING", 1)
    await client.close()

    assert age_s > 5 * 365 * 86_400
    assert stored.headers
    assert stored.headers[FIRST_PUBLISHED] == headers["ce-time"]
    assert stored.headers["ce-time"] > headers["ce-time"]
    assert stored.headers[RECORDS] == "2"


async def test_the_lag_is_what_the_server_tells(server: NatsServer, js: JetStreamContext) -> None:
    bus = build_bus(NatsSection(url=server.url), "discovery")
    await bus.connect()
    for number in range(3):
        one = batch(batch_id=f"b{number}")
        await bus.publisher.publish(outgoing_batch(DISCOVERY_BATCH, one))
    labels = {"stage": "embedding", "collection": "default",
              "durable": EMBEDDING_READS_BATCHES.name("default")}  # fmt: skip

    async def is_told() -> bool:  # a consumer's figures lag behind what the stream has stored
        await measure_backlog(js, EMBEDDING_READS_BATCHES, "default")
        return REGISTRY.get_sample_value("mapstream_consumer_pending_messages", labels) == 3

    await until(is_told)
    await bus.close()


async def test_a_refused_message_is_a_retry_of_publishing(
    server: NatsServer, js: JetStreamContext
) -> None:
    config = (await js.stream_info("DISCOVERY")).config
    config.max_msgs = 1
    await js.update_stream(config)
    bus = build_bus(NatsSection(url=server.url), "discovery")
    await bus.connect()
    gained = metered()
    await bus.publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch(batch_id="one")))
    second = outgoing_batch(DISCOVERY_BATCH, batch(batch_id="two"))
    waiting = asyncio.ensure_future(bus.publisher.publish(second))
    await counted(gained, "mapstream_publish_retries_total", 1, reason="refused")
    await js.purge_stream("DISCOVERY")
    await waiting
    name = "mapstream_publish_seconds_sum"

    assert gained(name, stage="discovery", family="discovery.batch") > 0.09
    await bus.close()
