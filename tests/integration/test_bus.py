"""Delivery against the real server: what is retried, what is buried, what is dropped."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import pytest
from nats.js import JetStreamContext

from shared.bus.broker import build_bus
from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.messages.received import Delivery
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.batches import DISCOVERY_BATCH, EMBEDDING_BATCH
from shared.bus.registry.durables import (
    EMBEDDING_READS_BATCHES,
    PROJECTION_READS_BATCHES,
)
from shared.contracts.batches import Batch, decode
from shared.errors import InvalidMessage, OwnedElsewhere, TransientError
from shared.settings import NatsSection
from tests.builders import batch
from tests.integration.one_by_one import HandleOne, as_it_is, each, router_of
from tests.metering import metered
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration

Wire = Callable[[Callable[[DurableRouter], None]], AbstractAsyncContextManager[Publisher]]


@pytest.fixture
def wired(server: NatsServer, js: JetStreamContext) -> Wire:
    del js  # the streams must exist first

    @asynccontextmanager
    async def wire(subscribe: Callable[[DurableRouter], None]) -> AsyncIterator[Publisher]:
        policy = RetryPolicy(max_failures=4, first_delay_s=0.02, longest_delay_s=0.1)
        bus = build_bus(NatsSection(url=server.url), "embedding", policy=policy)
        subscribe(router_of(bus))
        async with bus.consuming():
            yield bus.publisher
        await bus.close()

    return wire


class Handler:
    """Fails as often as told, then hands the batch on."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, delivery: Delivery) -> Iterable[Outgoing]:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return [outgoing_batch(EMBEDDING_BATCH, decode(delivery.body))]


def four_places(handler: HandleOne) -> Callable[[DurableRouter], None]:
    return lambda to: each(to, EMBEDDING_READS_BATCHES, handler, concurrency=4)


async def settled(js: JetStreamContext, durable: Any = EMBEDDING_READS_BATCHES) -> None:
    """Wait until the work queue is empty: a consumer's own figures lag behind the stream's."""

    async def is_empty() -> bool:
        return await stored(js, durable.stream) == 0

    await until(is_empty)


async def stored(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


async def test_a_message_is_handled_published_and_acked_once(
    js: JetStreamContext, wired: Wire
) -> None:
    handler = Handler()
    async with wired(four_places(handler)) as publisher:
        await publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch()))
        await publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch()))
        await settled(js)

    assert (handler.calls, await stored(js, "EMBEDDING"), await stored(js, "DISCOVERY")) == (
        1,
        1,
        0,
    )


async def test_a_passing_failure_is_retried(js: JetStreamContext, wired: Wire) -> None:
    handler = Handler(TransientError("away"), RuntimeError("a bug"))
    async with wired(four_places(handler)) as publisher:
        await publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch()))
        await settled(js)

    assert (handler.calls, await stored(js, "EMBEDDING")) == (3, 1)
    assert await stored(js, "DEAD_LETTERS") == 0


async def test_an_outage_is_waited_for_beyond_the_limit_of_deliveries(
    js: JetStreamContext, wired: Wire
) -> None:
    handler = Handler(*(TransientError("away") for _ in range(7)))
    async with wired(four_places(handler)) as publisher:
        await publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch()))
        await settled(js)

    assert (handler.calls, await stored(js, "DEAD_LETTERS")) == (8, 0)


async def test_outages_before_an_error_that_nobody_foresaw_count_for_nothing(
    js: JetStreamContext, wired: Wire
) -> None:
    outages = [TransientError("away") for _ in range(7)]
    handler = Handler(*outages, *(RuntimeError("a bug") for _ in range(3)))
    async with wired(four_places(handler)) as publisher:
        await publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch()))
        await settled(js)

    assert (handler.calls, await stored(js, "DEAD_LETTERS")) == (11, 0)


@pytest.mark.parametrize(
    ("errors", "calls"),
    [([InvalidMessage("never")], 1), ([RuntimeError("a bug")] * 9, 4)],
    ids=["invalid", "unforeseen"],
)
async def test_what_cannot_succeed_is_buried_with_its_story(
    js: JetStreamContext, wired: Wire, errors: list[Exception], calls: int
) -> None:
    handler = Handler(*errors)
    async with wired(four_places(handler)) as publisher:
        await publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch()))
        await settled(js)

    assert handler.calls == calls
    message = await js.get_last_msg("DEAD_LETTERS", "dead.embedding.default")
    assert message.headers["mapstream-batch-id"] == "batch-0"
    assert message.headers["mapstream-records"] == "2"
    assert message.headers["mapstream-attempts"] == str(calls)
    assert len(decode(message.data)) == 2


async def test_one_malformed_message_does_not_hold_up_its_micro_batch(
    js: JetStreamContext, wired: Wire
) -> None:
    seen: list[int] = []

    async def handle(batches: Sequence[Batch]) -> Iterable[Outgoing]:
        seen.extend(one.descriptor.index for one in batches)
        return []

    def subscribe(to: DurableRouter) -> None:
        to.durable(
            PROJECTION_READS_BATCHES,
            "default",
            lambda delivery: decode(delivery.body),
            Pull(16, 0.1),
        )(handle)

    for index in range(3):
        one = outgoing_batch(EMBEDDING_BATCH, batch(index=index, batch_id=f"batch-{index}"))
        await js.publish("embedding.batch.default", one.body)
        await js.publish("embedding.batch.default", b"not arrow")
    async with wired(subscribe):
        await settled(js, PROJECTION_READS_BATCHES)

    assert seen == [0, 1, 2]
    assert await stored(js, "DEAD_LETTERS") == 3


async def test_what_is_buried_is_not_tried_again_with_those_that_came_with_it(
    js: JetStreamContext, wired: Wire
) -> None:
    gained = metered()
    outages: list[Exception] = [TransientError("the other side is away")]

    async def handle(_: Sequence[Batch]) -> Iterable[Outgoing]:
        if outages:
            raise outages.pop()
        return []

    def subscribe(to: DurableRouter) -> None:
        to.durable(
            PROJECTION_READS_BATCHES,
            "default",
            lambda delivery: decode(delivery.body),
            Pull(16, 0.1),
        )(handle)

    await js.publish("embedding.batch.default", b"not arrow")
    await js.publish("embedding.batch.default", outgoing_batch(EMBEDDING_BATCH, batch()).body)
    async with wired(subscribe):
        await settled(js, PROJECTION_READS_BATCHES)

    outcomes = {
        outcome: gained("mapstream_messages_settled_total", outcome=outcome)
        for outcome in ("buried", "retried", "acked")
    }
    assert outcomes == {"buried": 1, "retried": 1, "acked": 1}


async def test_what_was_handled_together_and_failed_is_handled_again_as_a_repetition(
    js: JetStreamContext, wired: Wire
) -> None:
    """A command among it may have had its effect; it must not have it twice."""
    seen: list[tuple[int, int]] = []

    async def handle(deliveries: Sequence[Delivery]) -> Iterable[Outgoing]:
        seen.extend((len(deliveries), one.deliveries) for one in deliveries)
        if len(deliveries) > 1:
            raise RuntimeError("a bug after the first of them")
        return []

    def subscribe(to: DurableRouter) -> None:
        to.durable(PROJECTION_READS_BATCHES, "default", as_it_is, Pull(16, 0.5))(handle)

    for body in (b"one", b"two"):
        await js.publish("embedding.batch.default", body)
    async with wired(subscribe):
        await settled(js, PROJECTION_READS_BATCHES)

    assert seen == [(2, 1), (2, 1), (1, 2), (1, 2)]


async def test_what_another_replica_is_to_have_does_not_keep_what_came_with_it(
    js: JetStreamContext, wired: Wire
) -> None:
    """Else two replicas would hand such messages to each other for ever."""
    alone: list[bytes] = []

    async def handle(deliveries: Sequence[Delivery]) -> Iterable[Outgoing]:
        bodies = [one.body for one in deliveries]
        if len(bodies) == 1:
            alone.extend(bodies)
        if b"another's" in bodies and len(alone) < 3:
            raise OwnedElsewhere("it is another's")
        return []

    def subscribe(to: DurableRouter) -> None:
        to.durable(PROJECTION_READS_BATCHES, "default", as_it_is, Pull(16, 0.5))(handle)

    for body in (b"another's", b"ours"):
        await js.publish("embedding.batch.default", body)
    async with wired(subscribe):
        await settled(js, PROJECTION_READS_BATCHES)

    assert alone == [b"another's", b"ours", b"another's"]
    assert await stored(js, "DEAD_LETTERS") == 0


async def test_what_one_message_breaks_is_not_the_fate_of_those_that_came_with_it(
    js: JetStreamContext, wired: Wire
) -> None:
    handled: list[int] = []

    async def handle(batches: Sequence[Batch]) -> Iterable[Outgoing]:
        indexes = [one.descriptor.index for one in batches]
        if 1 in indexes:
            raise RuntimeError("a bug")
        handled.extend(indexes)
        return []

    def subscribe(to: DurableRouter) -> None:
        to.durable(
            PROJECTION_READS_BATCHES,
            "default",
            lambda delivery: decode(delivery.body),
            Pull(16, 0.1),
        )(handle)

    for index in range(3):
        one = outgoing_batch(EMBEDDING_BATCH, batch(index=index, batch_id=f"batch-{index}"))
        await js.publish("embedding.batch.default", one.body)
    async with wired(subscribe):
        await settled(js, PROJECTION_READS_BATCHES)

    assert sorted(handled) == [0, 2]
    assert await stored(js, "DEAD_LETTERS") == 1


async def test_a_killed_server_loses_nothing_and_work_goes_on(
    server: NatsServer, js: JetStreamContext, wired: Wire
) -> None:
    handler = Handler()
    async with wired(four_places(handler)) as publisher:
        await publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch()))
        await settled(js)
        await server.kill()
        waiting = asyncio.create_task(
            publisher.publish(outgoing_batch(DISCOVERY_BATCH, batch(batch_id="batch-1")))
        )
        await asyncio.sleep(0.5)
        await server.start()
        await waiting
        await settled(js)

    assert await stored(js, "EMBEDDING") == 2


async def test_a_service_ends_in_peace_while_the_server_is_away(server: NatsServer) -> None:
    bus = build_bus(NatsSection(url=server.url), "embedding")
    client = await bus.connect()
    await server.kill()
    await until(lambda: not client.is_connected)
    async with asyncio.timeout(PATIENCE_S):
        await bus.close()

    assert client.is_closed


async def test_a_large_message_is_not_kept_out_of_a_full_stream_by_small_ones(
    server: NatsServer, js: JetStreamContext
) -> None:
    """What room there is would always be theirs: they fit where it does not."""
    config = (await js.stream_info("DISCOVERY")).config
    config.max_bytes = 300_000
    await js.update_stream(config)
    bus = build_bus(NatsSection(url=server.url), "discovery")
    await bus.connect()
    number, is_stored, are_stored = itertools.count(), asyncio.Event(), asyncio.Event()

    def message(size: int) -> Outgoing:
        return Outgoing(DISCOVERY_BATCH, "default", f"m-{next(number)}", bytes(size))

    async def send_small() -> None:
        while not is_stored.is_set():
            await bus.publisher.publish(message(4_000))

    async def send_large() -> None:
        await bus.publisher.publish(message(200_000))
        is_stored.set()

    async def read() -> None:
        reader = await js.pull_subscribe_bind(EMBEDDING_READS_BATCHES.name("default"), "DISCOVERY")
        while not are_stored.is_set():  # a fetch may lose its cancellation
            with suppress(TimeoutError):
                for one in await reader.fetch(1, timeout=0.5):
                    await one.ack()

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        small = [group.create_task(send_small()) for _ in range(8)]
        await until(lambda: bus.publisher.waiting_since_tries > 0)
        group.create_task(read())
        await send_large()
        await asyncio.wait(small)
        are_stored.set()
    await bus.close()
