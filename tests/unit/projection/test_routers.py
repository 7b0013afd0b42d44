"""From the bus to the handlers and back, in memory."""

from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pyarrow as pa
from faststream.nats import NatsRouter

from services.projection.domain.state import CollectionState
from services.projection.handlers.commands import ModelCommands
from services.projection.handlers.projector import Projector
from services.projection.subscribers.collection import build_collection_router
from services.projection.subscribers.commands import build_commands_router
from shared.bus.consuming.durable_subscriber import Pull
from shared.bus.consuming.settling import Settler
from shared.bus.messages.headers import opened_of
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.registry.audit import AUDIT_COMMAND
from shared.bus.registry.batches import EMBEDDING_BATCH, PROJECTION_BATCH, WRITING_RETRACTION
from shared.bus.registry.commands import COMMAND_REFIT
from shared.bus.registry.projection import (
    PROJECTION_MODEL,
    PROJECTION_REJECTED,
    PROJECTION_UPDATED,
)
from shared.contracts.batches import encode_rows, retraction_schema, vector_array
from tests.fakes.clock import FrozenClock
from tests.fakes.projection_store import FakeProjectionStore
from tests.fakes.roster import FakeRoster
from tests.in_memory import InMemory, in_memory
from tests.unit.projection.stage import NO_DRIFT, piece


def running(projector: Projector) -> AbstractAsyncContextManager[InMemory]:
    def build(settler: Settler) -> NatsRouter:
        commands = ModelCommands({"default": projector}, FrozenClock(), FakeRoster())
        collection = build_collection_router(settler, projector, Pull(8, 0))
        return NatsRouter(routers=[collection, build_commands_router(settler, commands)])

    return in_memory("projection", build)


def projector() -> Projector:
    return Projector(
        CollectionState("default"),
        store=FakeProjectionStore(),
        clock=FrozenClock(),
        rules=replace(NO_DRIFT),
        opened=lambda: ("today", "yesterday"),
    )


async def test_a_first_model_goes_to_the_writers_then_to_the_public_then_its_batch() -> None:
    async with running(projector()) as service:
        await service.deliver(outgoing_batch(EMBEDDING_BATCH, piece(1)))

    steps = [[one.channel for one in step] for step in service.publisher.steps]
    assert [step for step in steps if step] == [
        [PROJECTION_MODEL], [PROJECTION_UPDATED], [PROJECTION_BATCH]
    ]  # fmt: skip


async def test_all_that_goes_to_writing_says_of_which_state_it_is() -> None:
    async with running(projector()) as service:
        await service.deliver(outgoing_batch(EMBEDDING_BATCH, piece(1)))

    sent = {one.channel: opened_of(one.headers) for one in service.publisher.published}
    assert sent[PROJECTION_MODEL] == sent[PROJECTION_BATCH] == ("today", "yesterday")


async def test_a_retraction_leaves_the_moments_and_publishes_nothing() -> None:
    own = projector()
    rows = {
        "batch_id": [piece(1).descriptor.batch_id] * 3, "vector": vector_array(piece(1).vectors)
    }  # fmt: skip
    schema = retraction_schema(piece(1).vectors.shape[1])
    body = encode_rows(pa.record_batch(rows, schema=schema), {})
    async with running(own) as service:
        for one in (piece(1), piece(2)):
            await service.deliver(outgoing_batch(EMBEDDING_BATCH, one))
        before = len(service.publisher.published)
        await service.deliver(Outgoing(WRITING_RETRACTION, "default", "x", body))

    assert len(service.publisher.published) == before
    assert own.state.records == 3


async def test_a_command_for_a_collection_that_nobody_serves_is_answered_and_audited() -> None:
    async with running(projector()) as service:
        await service.deliver(Outgoing(COMMAND_REFIT, "other", "x", b"{}"))

    channels = [one.channel for one in service.publisher.published]
    assert channels == [PROJECTION_REJECTED, AUDIT_COMMAND]
