"""A durable consumer as a FastStream subscriber, on the real server."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Annotated

import pytest
from faststream import Depends
from faststream.nats import NatsBroker
from nats.js import JetStreamContext

from shared.bus.broker import Bus, build_bus
from shared.bus.consuming.durable_subscriber import (
    DurableRouter,
    Pull,
    Reading,
    durable_subscribers,
)
from shared.bus.messages.outgoing import Outgoing, Steps
from shared.bus.messages.received import Delivery
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.durables import DURABLES, EMBEDDING_READS_BATCHES
from shared.bus.topology import apply_topology
from shared.errors import ConfigurationError, TransientError
from shared.runtime import Service
from shared.services import READERS
from shared.settings import NatsSection
from tests.assigned import at_work
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration
SERVICES = {name: import_module(f"services.{name}.app") for name in READERS}
ONE = Pull(max_messages=1, linger_s=0)
LONG_S = 600.0
"""Far longer than the test: what is not given back stays away."""


@pytest.fixture
def bus(server: NatsServer, js: JetStreamContext) -> Bus:
    del js  # the streams must exist first
    return build_bus(NatsSection(url=server.url), "embedding")


def read(bus: Bus) -> DurableRouter:
    router = DurableRouter(bus.settler)
    bus.broker.include_router(router)
    return router


def body_of(delivery: Delivery) -> bytes:
    return delivery.body


async def stored(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


async def test_a_service_subscribes_to_each_of_its_durable_consumers(
    server: NatsServer, js: JetStreamContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody reads fills its stream, and then the pipeline stands still."""
    del js
    (tmp_path / "root").mkdir()
    for name, value in {
        "NATS__URL": server.url,
        "STATE__FOLDER": str(tmp_path / "state"),
        "OUTPUT__FOLDER": str(tmp_path / "out"),
        "INGESTION__SOURCES": f'[{{"path": "{tmp_path / "root"}"}}]',
        "INGESTION__TRIGGER__MODE": "poll",
    }.items():
        monkeypatch.setenv(f"MAPSTREAM_{name}", value)
    found = {}
    for name, app in SERVICES.items():
        service = app.build()
        found[name] = await read_by(service)
        assert {one.durable for one in found[name]} == set(service.durables)

    names = [one.name for readings in found.values() for one in readings]
    assert sorted(names) == sorted(one.name("default") for one in DURABLES)
    assert {(name, one.durable.service) for name in found for one in found[name]} == {
        (one.service, one.service) for one in DURABLES
    }


async def read_by(service: Service) -> list[Reading]:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.bus.close)
        await service.bus.connect()
        await stack.enter_async_context(
            at_work(service.bus, service.durables, service.resources())
        )
        return [one.reading for one in durable_subscribers(service.bus.broker)]


async def test_a_reader_that_fails_ends_the_service_and_gives_back_what_it_had(
    bus: Bus, js: JetStreamContext
) -> None:
    @read(bus).durable(EMBEDDING_READS_BATCHES, "default", body_of, ONE)
    async def refuse(bodies: Sequence[bytes]) -> Sequence[Outgoing]:
        raise ConfigurationError(f"cannot work here: {bodies}")

    await apply_topology(js, ["default"], ack_wait_s=LONG_S)
    await js.publish("discovery.batch.default", b"one")
    with pytest.raises(ExceptionGroup) as failure:
        async with bus.consuming():
            await asyncio.Event().wait()
    await bus.close()

    assert failure.value.split(ConfigurationError)[0]
    name = EMBEDDING_READS_BATCHES.name("default")
    next_reader = await js.pull_subscribe_bind(name, "DISCOVERY")
    (again,) = await next_reader.fetch(1, timeout=PATIENCE_S)
    assert again.data == b"one"
    assert again.metadata.num_delivered > 1


async def test_a_broker_starts_and_stops_it_as_any_other_subscriber(
    server: NatsServer, bus: Bus, js: JetStreamContext
) -> None:
    seen: list[bytes] = []
    router = DurableRouter(bus.settler)

    @router.durable(EMBEDDING_READS_BATCHES, "default", body_of, ONE)
    async def note(bodies: Sequence[bytes]) -> Sequence[Outgoing]:
        seen.extend(bodies)
        return ()

    broker = NatsBroker(server.url, routers=[router], serializer=None, logger=None)
    for body in (b"one", b"two"):
        await js.publish("discovery.batch.default", body)
        await broker.start()
        await until(lambda: stored_none(js))
        await broker.stop()

    assert seen == [b"one", b"two"]


async def stored_none(js: JetStreamContext) -> bool:
    return await stored(js, "DISCOVERY") == 0


async def test_a_handler_is_given_what_it_depends_on(bus: Bus, js: JetStreamContext) -> None:
    seen: list[tuple[list[bytes], str]] = []

    async def name() -> str:
        return "a dependency"

    @read(bus).durable(EMBEDDING_READS_BATCHES, "default", body_of, Pull(8, 0.5))
    async def note(
        bodies: Sequence[bytes], given: Annotated[str, Depends(name)]
    ) -> Sequence[Outgoing]:
        seen.append((list(bodies), given))
        return ()

    for body in (b"one", b"two"):
        await js.publish("discovery.batch.default", body)
    async with bus.consuming():
        await until(lambda: stored_none(js))
    await bus.close()

    assert [body for bodies, _ in seen for body in bodies] == [b"one", b"two"]
    assert {given for _, given in seen} == {"a dependency"}


async def test_a_handler_that_gives_steps_goes_on_when_one_is_stored(
    bus: Bus, js: JetStreamContext
) -> None:
    counts: list[int] = []

    async def steps(bodies: list[bytes]) -> Steps:
        for number, body in enumerate(bodies * 2):
            yield [Outgoing(EMBEDDING_BATCH, "default", f"step:{number}", body)]
            counts.append(await stored(js, "EMBEDDING"))

    @read(bus).durable(EMBEDDING_READS_BATCHES, "default", body_of, ONE)
    async def hand_on(bodies: list[bytes]) -> Steps:
        return steps(bodies)

    await js.publish("discovery.batch.default", b"one")
    async with bus.consuming():
        await until(lambda: stored_none(js))
    await bus.close()

    assert counts == [1, 2]


async def test_what_fails_between_steps_is_tried_again(bus: Bus, js: JetStreamContext) -> None:
    tries = 0

    async def steps(bodies: Sequence[bytes]) -> Steps:
        nonlocal tries
        yield [Outgoing(EMBEDDING_BATCH, "default", "first", bodies[0])]
        tries += 1
        if tries == 1:
            raise TransientError("away")
        yield [Outgoing(EMBEDDING_BATCH, "default", "second", bodies[0])]

    @read(bus).durable(EMBEDDING_READS_BATCHES, "default", body_of, ONE)
    async def hand_on(bodies: list[bytes]) -> Steps:
        return steps(bodies)

    await js.publish("discovery.batch.default", b"one")
    async with bus.consuming():
        await until(lambda: stored_none(js))
    await bus.close()

    assert (tries, await stored(js, "EMBEDDING")) == (2, 2)
