"""The projection service against the real server: exactly once, in order, through crashes."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from services.projection.adapters.sqlite_projection_store import open_store
from services.projection.domain.moments import Moments
from services.projection.handlers import Rules
from services.projection.subscribers import CollectionShell
from shared.bus.broker import build_bus
from shared.bus.channels import (
    COMMAND_REFIT,
    EMBEDDING_BATCH,
    PROJECTION_READS_BATCHES,
    PROJECTION_READS_REFITS,
    PROJECTION_READS_RETRACTIONS,
    WRITING_RETRACTION,
)
from shared.bus.delivery import RetryPolicy
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.topology import backlog
from shared.contracts.batches import (
    ARROW,
    Batch,
    decode,
    encode,
    encode_rows,
    retraction_schema,
    vector_array,
)
from shared.contracts.projection import ProjectionModel, ProjectionRejected, ProjectionUpdated
from shared.errors import TransientError
from shared.settings import NatsSection
from tests.builders import embedded_batch
from tests.fakes.clock import FrozenClock
from tests.nats_server import NatsServer

pytestmark = pytest.mark.integration

DURABLES = (PROJECTION_READS_BATCHES, PROJECTION_READS_RETRACTIONS, PROJECTION_READS_REFITS)


class CutOff(Publisher):
    """A publisher that never gets as far as some channels: what a crash just before looks like."""

    before: str = ""

    async def publish(self, message: Outgoing) -> None:
        if message.channel.family == self.before:
            raise TransientError("cut off")
        await super().publish(message)


Run = Callable[..., AbstractAsyncContextManager[CollectionShell]]


@pytest.fixture
def run(server: NatsServer, js: JetStreamContext, tmp_path: Path) -> Run:
    """Starts the service again and again on the same file."""
    del js  # the streams must exist first

    @asynccontextmanager
    async def start(*, before: str = "", **rules: Any) -> AsyncIterator[CollectionShell]:
        policy = RetryPolicy(first_delay_s=0.05, longest_delay_s=0.1)
        bus = build_bus(NatsSection(url=server.url), "projection", policy=policy)
        publisher = CutOff(bus.broker, "projection")
        publisher.before = before
        await bus.broker.connect()
        async with open_store(tmp_path / "projection.sqlite") as store:
            shell = CollectionShell(
                await store.load("default"),
                store=store,
                publisher=publisher,
                clock=FrozenClock(),
                rules=Rules(**rules),
            )
            await shell.announce_pending()
            shell.subscribe(bus.subscriber, max_messages=16, max_wait_s=0.1)
            async with bus.consuming():
                yield shell
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


async def until(condition: Callable[[], Any], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def settled(js: JetStreamContext) -> None:
    async with asyncio.timeout(20):
        for durable in DURABLES:
            while (await backlog(js, durable, "default")).total:
                await asyncio.sleep(0.02)


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


def assert_counted(shell: CollectionShell, *numbers: int) -> None:
    expected = Moments.of(np.vstack([piece(number).vectors for number in numbers]))
    moments = shell.state.moments
    assert moments is not None
    assert moments.count == expected.count
    np.testing.assert_allclose(moments.mean, expected.mean, atol=1e-9)
    np.testing.assert_allclose(moments.scatter, expected.scatter, atol=1e-6)


async def test_the_model_comes_before_the_first_batch_in_the_same_stream(
    js: JetStreamContext, run: Run
) -> None:
    async with run() as shell:
        await send(js, *(piece(number) for number in range(4)))
        await settled(js)

        assert_counted(shell, 0, 1, 2, 3)
    found = await messages(js, "PROJECTION")
    assert found[0].subject == "projection.model.default"
    assert sorted(batch_ids(found)) == [f"batch-{number}" for number in range(4)]
    plane, version = None, 0
    for message in found:
        if message.subject == "projection.model.default":
            model = ProjectionModel.model_validate_json(message.data)
            plane, version = model.plane(), model.version
        else:
            one = decode(message.data)
            assert plane is not None
            assert one.descriptor.model_version == version
            points = np.stack([one.rows[axis].to_numpy() for axis in "xy"], axis=1)
            assert np.array_equal(points, plane.project(one.vectors))


async def test_everybody_is_told_of_the_model_and_can_use_it(
    js: JetStreamContext, run: Run
) -> None:
    async with run():
        await send(js, piece(0))
        await settled(js)

    (body,) = await events(js, "projection.updated")
    event = ProjectionUpdated.model_validate_json(body)
    assert (event.model.version, event.model.reason, event.model.record_count) == (1, "first", 3)
    found = await messages(js, "PROJECTION")
    assert ProjectionModel.model_validate_json(found[0].data) == event.model
    assert found[0].headers["Nats-Msg-Id"] == "projection.model:default:1"
    assert found[0].headers["content-type"] == "application/json"
    assert found[1].headers["Nats-Msg-Id"] == "projection:batch-0"


async def test_a_crash_between_checkpoint_and_publish_loses_and_repeats_nothing(
    js: JetStreamContext, run: Run
) -> None:
    async with run(before="projection.batch") as shell:
        await js.publish("embedding.batch.default", b"not arrow")
        await send(js, *(piece(number) for number in range(3)))
        await until(lambda: shell.state.records == 9)
    assert await families(js, "PROJECTION") == ["projection.model"] * len(
        await messages(js, "PROJECTION")
    )

    async with run() as again:
        await settled(js)

        assert_counted(again, 0, 1, 2)
    found = await messages(js, "PROJECTION")
    assert sorted(batch_ids(found)) == ["batch-0", "batch-1", "batch-2"]
    assert await families(js, "DEAD_LETTERS") == ["dead.projection"]


@pytest.mark.parametrize("before", ["projection.model", "projection.updated"])
async def test_a_model_that_a_crash_cut_off_is_announced_at_the_next_start(
    js: JetStreamContext, run: Run, before: str
) -> None:
    async with run(before=before) as shell:
        await send(js, piece(0))
        await until(lambda: shell.state.model)
    assert await events(js, "projection.updated") == []

    async with run():
        await settled(js)

    (body,) = await events(js, "projection.updated")
    assert ProjectionUpdated.model_validate_json(body).model.version == 1
    assert await families(js, "PROJECTION") == ["projection.model", "projection.batch"]


async def test_what_is_delivered_twice_is_counted_once_and_comes_out_once(
    js: JetStreamContext, run: Run
) -> None:
    async with run() as shell:
        await send(js, piece(0), piece(0), piece(1))
        await settled(js)
        await send(js, piece(1), piece(0))
        await settled(js)

        assert_counted(shell, 0, 1)
    async with run() as again:
        await send(js, piece(0))
        await settled(js)

        assert_counted(again, 0, 1)
    assert sorted(batch_ids(await messages(js, "PROJECTION"))) == ["batch-0", "batch-1"]


async def test_an_empty_command_refits_and_is_answered(js: JetStreamContext, run: Run) -> None:
    async with run(refit_threshold=100) as shell:
        await send(js, piece(0))
        await settled(js)
        await send(js, piece(1))
        await settled(js)
        assert shell.state.is_stale

        subject = COMMAND_REFIT.subject("default")
        await js.publish(subject, b"{}", headers={"Nats-Msg-Id": "wish-1"})
        await settled(js)
        await send(js, piece(2))
        await settled(js)

    event = ProjectionUpdated.model_validate_json((await events(js, "projection.updated"))[-1])
    assert event.correlation_id == "wish-1"
    assert (event.model.version, event.model.parent) == (2, 1)
    assert (event.model.reason, event.model.record_count) == ("command", 6)
    versions = [
        decode(m.data).descriptor.model_version
        if m.subject == "projection.batch.default"
        else f"model {json.loads(m.data)['version']}"
        for m in await messages(js, "PROJECTION")
    ]
    assert versions == ["model 1", 1, 1, "model 2", 2]


async def test_commands_bring_their_own_correlation_id_or_get_one(
    js: JetStreamContext, run: Run
) -> None:
    async with run():
        await send(js, piece(0))
        await settled(js)
        for body in (b'{"correlation_id": "own", "reason": "why not"}', b"", b"{}"):
            await js.publish(COMMAND_REFIT.subject("default"), body)
            await settled(js)

    found = [
        ProjectionUpdated.model_validate_json(b) for b in await events(js, "projection.updated")
    ]
    assert [one.model.version for one in found] == [1, 2, 3, 4]
    ids = [one.correlation_id for one in found]
    assert ids[:2] == [None, "own"]
    assert all(ids[2:])
    assert len(set(ids)) == 4
    assert found[1].model.reason == "why not"


async def test_a_command_that_was_carried_out_before_a_crash_is_not_repeated(
    js: JetStreamContext, run: Run
) -> None:
    async with run():
        await send(js, piece(0))
        await settled(js)
    async with run(before="projection.updated") as shell:
        subject = COMMAND_REFIT.subject("default")
        await js.publish(subject, b"{}", headers={"Nats-Msg-Id": "wish-1"})
        await until(lambda: shell.state.model and shell.state.model.version == 2)

    async with run() as again:
        await settled(js)

        assert again.state.model is not None
        assert again.state.model.version == 2
    found = [
        ProjectionUpdated.model_validate_json(b) for b in await events(js, "projection.updated")
    ]
    assert [(one.model.version, one.correlation_id) for one in found] == [(1, None), (2, "wish-1")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "read"),
        (b"[]", "read"),
        (b'{"reason": 7}', "read"),
        (b"\xff", "read"),
        (b"{}", "no records"),
    ],
)
async def test_a_command_that_cannot_be_carried_out_is_answered(
    js: JetStreamContext, run: Run, body: bytes, reason: str
) -> None:
    async with run():
        subject = COMMAND_REFIT.subject("default")
        await js.publish(subject, body, headers={"Nats-Msg-Id": "wish-1"})
        await settled(js)

    (told,) = await events(js, "projection.rejected")
    event = ProjectionRejected.model_validate_json(told)
    assert reason in event.reason
    assert (event.correlation_id, event.command) == ("wish-1", "command.refit.default")
    assert await messages(js, "DEAD_LETTERS") == []


def retraction(*batches: Batch) -> bytes:
    ids = [one.descriptor.batch_id for one in batches for _ in range(len(one))]
    vectors = vector_array(np.vstack([one.vectors for one in batches]))
    rows = pa.RecordBatch.from_arrays([pa.array(ids), vectors], schema=retraction_schema(4))
    return encode_rows(rows, {})


async def test_what_left_the_dataset_leaves_the_moments_once(
    js: JetStreamContext, run: Run
) -> None:
    async with run() as shell:
        await send(js, *(piece(number) for number in range(4)))
        await settled(js)
        subject = WRITING_RETRACTION.subject("default")
        for body in (retraction(piece(1), piece(3)), retraction(piece(1)), b"not arrow"):
            await js.publish(subject, body)
        await settled(js)
        await send(js, piece(1))
        await settled(js)

        assert_counted(shell, 0, 2)
    async with run() as again:
        assert_counted(again, 0, 2)
    assert await families(js, "DEAD_LETTERS") == ["dead.projection"]


async def test_what_no_model_can_take_is_dead_and_its_neighbours_are_not(
    js: JetStreamContext, run: Run
) -> None:
    values = piece(1).vectors.copy()
    values[1] = np.nan
    partly = embedded_batch(values, batch_id="partly", source_id="s")
    for one in (piece(0), piece(8, dimension=5), partly, piece(2)):
        await send(js, one)
    await js.publish("embedding.batch.default", b"not arrow")
    foreign = embedded_batch(piece(3).vectors, batch_id="foreign", collection="other")
    await send(js, foreign)
    async with run() as shell:
        await settled(js)

        assert shell.state.records == 8
    found = await messages(js, "PROJECTION")
    assert sorted(batch_ids(found)) == ["batch-0", "batch-2", "partly"]
    dead = {
        m.headers.get("mapstream-batch-id"): m.headers for m in await messages(js, "DEAD_LETTERS")
    }
    assert set(dead) == {"batch-8", "partly", None, "foreign"}
    assert dead["partly"]["mapstream-line"] == "2"
    assert dead["partly"]["mapstream-record-id"] == partly.rows["id"][1].as_py()
    assert dead["batch-8"]["mapstream-records"] == "3"
