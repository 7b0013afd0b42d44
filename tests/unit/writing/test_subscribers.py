"""From the bus to the writer and back, in memory."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from services.writing.handlers.writer import Writer
from services.writing.subscribers import build_router
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.messages.outgoing import Outgoing, outgoing_batch, outgoing_message
from shared.bus.registry.batches import MAP_POINTS, PROJECTION_BATCH
from shared.bus.registry.dead_letters import DEAD_WRITING
from shared.bus.registry.projection import PROJECTION_MODEL
from shared.bus.registry.writing import WRITING_COMMITTED, WRITING_SETTLED
from tests.fakes.clock import FrozenClock
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.fakes.receiving import receiver_of
from tests.fakes.staging import FakeStaging
from tests.in_memory import InMemory, in_memory
from tests.unit.writing.scenes import model, piece


class NoHandover:
    """Nothing leaves the map here."""

    async def deliver(self, messages: AsyncIterable[Outgoing]) -> None:
        assert [one async for one in messages] == []


@asynccontextmanager
async def running(store: FakeDatasetStore) -> AsyncIterator[InMemory]:
    writer = Writer(
        "default",
        store=store,
        staging=FakeStaging(),
        models=FakeModelArchive(),
        handover=NoHandover(),
        clock=FrozenClock(),
    )
    receiver = await receiver_of(writer, store)
    async with in_memory("writing", partial(build_router, taker=receiver, pull=Pull(8, 0))) as one:
        yield one


def sent(version: int) -> Outgoing:
    return outgoing_message(PROJECTION_MODEL, "default", model(version), message_id=f"m{version}")


async def test_a_batch_is_written_and_then_told_of() -> None:
    store = FakeDatasetStore()
    async with running(store) as service:
        await service.deliver(sent(1))
        await service.deliver(outgoing_batch(PROJECTION_BATCH, piece()))

    assert [len(one) for one in store.batches] == [2]
    channels = [one.channel for one in service.publisher.published]
    assert channels == [MAP_POINTS, WRITING_COMMITTED, WRITING_SETTLED]


async def test_what_is_neither_batch_nor_model_is_buried_and_nothing_written() -> None:
    store = FakeDatasetStore()
    async with running(store) as service:
        await service.deliver(Outgoing(PROJECTION_BATCH, "default", "x", b"no batch"))
        await service.deliver(Outgoing(PROJECTION_MODEL, "default", "y", b"{}"))

    letters = service.publisher.published
    assert [(one.channel, one.body) for one in letters] == [
        (DEAD_WRITING, b"no batch"), (DEAD_WRITING, b"{}")
    ]  # fmt: skip
    assert store.batches == []
