"""Starts the projection service on the real server, and looks at what it did there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.app import DURABLES
from services.projection.domain.moments import Moments
from services.projection.domain.refits import Rules
from services.projection.domain.state import CollectionState
from services.projection.handlers.commands import ModelCommands
from services.projection.handlers.projector import Projector
from services.projection.subscribers.collection import build_collection_router
from services.projection.subscribers.commands import build_commands_router
from shared.bus.broker import build_bus
from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.messages.outgoing import Outgoing
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.contracts.batches import (
    ARROW,
    Batch,
    decode,
    encode,
    encode_rows,
    retraction_schema,
    vector_array,
)
from shared.errors import TransientError
from shared.settings import NatsSection
from tests.builders import embedded_batch
from tests.fakes.clock import FrozenClock
from tests.fakes.roster import FakeRoster
from tests.nats_server import NatsServer
from tests.waiting import until


class CutOff(Publisher):
    """A publisher that never gets as far as some channels: what a crash just before looks like.

    While ``gate`` is closed, models wait before they are published.
    """

    before: str = ""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.gate = asyncio.Event()
        self.gate.set()
        self.is_waiting = asyncio.Event()

    async def publish_all(self, messages: Iterable[Outgoing]) -> int:
        place = 0
        for message in messages:
            if message.channel.family == self.before:
                raise TransientError("cut off")
            if message.channel.family == "projection.model" and not self.gate.is_set():
                self.is_waiting.set()
                await self.gate.wait()
            place = await super().publish_all([message])
        return place


@dataclass(frozen=True, slots=True)
class Running:
    """The service, as far as a test looks into it."""

    projector: Projector
    publisher: CutOff

    @property
    def state(self) -> CollectionState:
        return self.projector.state


Run = Callable[..., AbstractAsyncContextManager[Running]]


def starter(server: NatsServer, folder: Path) -> Run:
    """Give what starts the service, again and again on the same file."""

    @asynccontextmanager
    async def start(*, before: str = "", **rules: Any) -> AsyncIterator[Running]:
        policy = RetryPolicy(first_delay_s=0.05, longest_delay_s=0.1)
        bus = build_bus(NatsSection(url=server.url), "projection", policy=policy)
        publisher = CutOff(bus.broker, "projection")
        await bus.broker.connect()
        async with open_store(folder / "projection.sqlite") as store:
            projector = Projector(
                await store.load("default"),
                store=store,
                clock=FrozenClock(),
                rules=replace(Rules(mean_shift=1e9, unexplained=1.0), **rules),
            )
            await publisher.publish_steps(projector.resume())
            publisher.before = before
            settler = replace(bus.settler, publisher=publisher)
            bus.broker.include_routers(
                build_collection_router(settler, projector, Pull(16, 0.1)),
                build_commands_router(
                    settler, ModelCommands({"default": projector}, FrozenClock(), FakeRoster())
                ),
            )
            async with bus.consuming():
                yield Running(projector, publisher)
        await bus.close()

    return start


def piece(number: int, count: int = 3, dimension: int = 4) -> Batch:
    vectors = np.random.default_rng(number).normal(size=(count, dimension)) + number
    return embedded_batch(vectors, first=100 * number, batch_id=f"batch-{number}")


async def send(js: JetStreamContext, *batches: Batch) -> None:
    """Publish without message ids, so that the stream takes every copy."""
    for one in batches:
        subject = EMBEDDING_BATCH.subject("default")
        await js.publish(subject, encode(one), headers={"content-type": ARROW})


async def settled(js: JetStreamContext) -> None:
    """Wait until all is handled: then the work queues are empty.

    A consumer's own figures lag behind what the stream has just acknowledged.
    """

    async def is_empty() -> bool:
        return sum([await stored(js, one.stream) for one in DURABLES]) == 0

    await until(is_empty)


async def stored(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


async def messages(js: JetStreamContext, stream: str) -> list[Msg]:
    state = (await js.stream_info(stream)).state
    numbers = range(state.first_seq, state.last_seq + 1) if state.messages else ()
    return [await js.get_msg(stream, number) for number in numbers]


async def families(js: JetStreamContext, stream: str) -> list[str]:
    return [message.subject.rsplit(".", 1)[0] for message in await messages(js, stream)]


async def events(js: JetStreamContext, family: str) -> list[bytes]:
    subject = f"{family}.default"
    return [m.data for m in await messages(js, "EVENTS") if m.subject == subject]


def batch_ids(found: list[Msg]) -> Iterator[str]:
    for message in found:
        if message.subject == "projection.batch.default":
            yield decode(message.data).descriptor.batch_id


def assert_counted(running: Running, *wanted: int | tuple[int, int]) -> None:
    """Check the moments against pieces, by number, or by number and count."""
    pieces = [piece(*(one if isinstance(one, tuple) else (one,))) for one in wanted]
    expected = Moments.of(np.vstack([one.vectors for one in pieces]))
    moments = running.state.moments
    assert moments is not None
    assert moments.count == expected.count
    np.testing.assert_allclose(moments.mean, expected.mean, atol=1e-9)
    np.testing.assert_allclose(moments.scatter, expected.scatter, atol=1e-6)


def retraction(*batches: Batch, marks: dict[bytes, bytes] | None = None) -> bytes:
    ids = [one.descriptor.batch_id for one in batches for _ in range(len(one))]
    vectors = vector_array(np.vstack([one.vectors for one in batches]))
    rows = pa.RecordBatch.from_arrays([pa.array(ids), vectors], schema=retraction_schema(4))
    return encode_rows(rows, marks or {})
