"""The projection service against the real server: exactly once, in order, through crashes."""

import asyncio
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from services.projection import loops
from shared.bus.registry.batches import WRITING_RETRACTION
from shared.contracts.batches import FORGOTTEN_KEY, Batch, decode
from shared.contracts.projection import ProjectionHeld, ProjectionModel, ProjectionUpdated
from shared.contracts.writing import SettledAs, SettledBatch, WritingSettled
from shared.vector_checksum import vector_checksum
from tests.builders import NOW, embedded_batch
from tests.integration.projecting import (
    Run,
    Running,
    assert_counted,
    batch_ids,
    events,
    families,
    messages,
    piece,
    retraction,
    send,
    settled,
    starter,
)
from tests.nats_server import NatsServer
from tests.waiting import ended, until

pytestmark = pytest.mark.integration


@pytest.fixture
def run(server: NatsServer, js: JetStreamContext, tmp_path: Path) -> Run:
    del js  # the streams must exist first
    return starter(server, tmp_path)


async def test_the_model_comes_before_the_first_batch_in_the_same_stream(
    js: JetStreamContext, run: Run
) -> None:
    async with run() as service:
        await send(js, *(piece(number) for number in range(4)))
        await settled(js)

        assert_counted(service, 0, 1, 2, 3)
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
    assert found[0].headers["Nats-Msg-Id"].startswith("projection.model:default:1:")
    assert found[0].headers["content-type"] == "application/json"
    assert found[1].headers["Nats-Msg-Id"] == "projection:batch-0"


async def test_a_crash_between_checkpoint_and_publish_loses_and_repeats_nothing(
    js: JetStreamContext, run: Run
) -> None:
    async with run(before="projection.batch") as service:
        await js.publish("embedding.batch.default", b"not arrow")
        await send(js, *(piece(number) for number in range(3)))
        await until(lambda: service.state.records == 9)
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
    async with run():
        await send(js, piece(0))
        await settled(js)
    async with run(before=before) as service:
        await send(js, piece(3, 9))
        await until(lambda: service.state.model and service.state.model.version == 2)
        made = service.state.model
    assert len(await events(js, "projection.updated")) == 1

    async with run():
        await settled(js)

    _, body = await events(js, "projection.updated")
    event = ProjectionUpdated.model_validate_json(body)
    assert made is not None
    assert made.movement is not None
    assert made.decision is not None
    assert event.model.version == 2
    assert event.movement is not None
    assert event.decision is not None
    assert event.movement.model_dump() == asdict(made.movement)
    assert event.decision.model_dump() == asdict(made.decision)
    assert event.movement.rms > 0
    assert (event.decision.trigger, event.decision.records) == ("threshold", 12)
    told = dict.fromkeys([what_is_told(one) for one in await messages(js, "PROJECTION")])
    assert list(told) == ["model 1", "batch-0", "model 2", "batch-3"]


def what_is_told(message: Msg) -> str:
    """A model may come more than once, since each start tells it again."""
    if message.subject == "projection.model.default":
        return f"model {ProjectionModel.model_validate_json(message.data).version}"
    (name,) = batch_ids([message])
    return name


async def test_what_is_delivered_twice_is_counted_once_and_comes_out_once(
    js: JetStreamContext, run: Run
) -> None:
    async with run() as service:
        await send(js, piece(0), piece(0), piece(1))
        await settled(js)
        await send(js, piece(1), piece(0))
        await settled(js)

        assert_counted(service, 0, 1)
    async with run() as again:
        await send(js, piece(0))
        await settled(js)

        assert_counted(again, 0, 1)
    assert sorted(batch_ids(await messages(js, "PROJECTION"))) == ["batch-0", "batch-1"]


async def test_what_left_the_dataset_leaves_the_moments_once(
    js: JetStreamContext, run: Run
) -> None:
    async with run() as service:
        await send(js, *(piece(number) for number in range(4)))
        await settled(js)
        subject = WRITING_RETRACTION.subject("default")
        for body in (retraction(piece(1), piece(3)), retraction(piece(1)), b"not arrow"):
            await js.publish(subject, body)
        await settled(js)
        await send(js, piece(1))
        await settled(js)

        assert_counted(service, 0, 2)
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
    async with run() as service:
        await settled(js)

        assert service.state.records == 8
    found = await messages(js, "PROJECTION")
    assert sorted(batch_ids(found)) == ["batch-0", "batch-2", "partly"]
    dead = {
        m.headers.get("mapstream-batch-id"): m.headers for m in await messages(js, "DEAD_LETTERS")
    }
    assert set(dead) == {"batch-8", "partly", None, "foreign"}
    assert dead["partly"]["mapstream-line"] == "2"
    assert dead["partly"]["mapstream-record-id"] == partly.rows["id"][1].as_py()
    assert dead["batch-8"]["mapstream-records"] == "3"


# --- refits by itself


async def test_a_refit_that_moves_too_far_is_told_and_the_map_stays(
    js: JetStreamContext, run: Run
) -> None:
    async with run(young_below=0, movement_budget=0.01) as service:
        await send(js, piece(0))
        await settled(js)
        await send(js, piece(3, 9))
        await settled(js)
        await send(js, piece(4))
        await settled(js)

        assert service.state.held is not None
        assert_counted(service, 0, 4, (3, 9))
    (body,) = await events(js, "projection.held")
    event = ProjectionHeld.model_validate_json(body)
    assert (event.version, event.correlation_id) == (1, None)
    assert event.movement.rms_share > 0.01
    assert (event.decision.trigger, event.decision.records) == ("threshold", 12)
    found = await messages(js, "PROJECTION")
    assert [m.subject for m in found].count("projection.model.default") == 1
    versions = [decode(m.data).descriptor.model_version for m in found[1:]]
    assert versions == [1, 1, 1]


async def test_a_stream_that_drifts_is_fitted_anew(js: JetStreamContext, run: Run) -> None:
    async with run(mean_shift=0.5):
        await send(js, piece(0, 60))
        await settled(js)
        await send(js, piece(9, 30))
        await settled(js)

    found = [
        ProjectionUpdated.model_validate_json(b) for b in await events(js, "projection.updated")
    ]
    assert [one.model.reason for one in found] == ["first", "drift"]
    decision = found[1].decision
    assert decision is not None
    assert decision.mean_shift >= decision.mean_shift_threshold == 0.5
    assert (decision.records, decision.records_at_last_fit) == (90, 60)


@pytest.mark.parametrize("crashes", [False, True])
async def test_a_model_without_the_forgotten_follows_when_no_more_of_them_come(
    js: JetStreamContext, run: Run, monkeypatch: pytest.MonkeyPatch, crashes: bool
) -> None:
    monkeypatch.setattr(loops, "QUIET_S", 0.05)
    subject = WRITING_RETRACTION.subject("default")
    async with run() as service:
        await send(js, *(piece(number) for number in range(4)))
        await settled(js)
        for number in (1, 3):
            body = retraction(piece(number), marks={FORGOTTEN_KEY: b"true"})
            await js.publish(subject, body)
        await settled(js)
        assert service.state.owes_refit
        if not crashes:
            await pay(service)

    async with run() as again:
        if crashes:
            assert again.state.owes_refit
            await pay(again)

        assert not again.state.owes_refit
        assert_counted(again, 0, 2)
    found = [
        ProjectionUpdated.model_validate_json(b) for b in await events(js, "projection.updated")
    ]
    assert [(one.model.reason, one.model.record_count) for one in found] == [
        ("first", 12),
        ("forget", 6),
    ]


async def pay(service: Running) -> None:
    loop = asyncio.create_task(loops.forget_when_quiet(service.projector, service.publisher))
    await until(lambda: not service.state.owes_refit)
    await asyncio.sleep(0.3)  # long enough for a second one
    await ended(loop)
    assert loop.cancelled()


def news(*told: tuple[Batch, SettledAs]) -> bytes:
    """What writing tells of batches."""
    batches = tuple(
        SettledBatch(
            batch_id=one.descriptor.batch_id,
            source_id=one.descriptor.source_id,
            source_version=one.descriptor.source_version,
            verdict=verdict,
            records=len(one) if verdict == "stored" else 0,
            checksum=vector_checksum(one.vectors if verdict == "stored" else one.vectors[:0]),
        )
        for one, verdict in told
    )
    settled = WritingSettled(
        id=WritingSettled.id_of("x"),
        collection="default",
        occurred_at=NOW,
        batches=batches,
        dataset_version=1,
    )
    return settled.model_dump_json().encode()


async def test_moments_follow_what_is_told_to_be_stored(js: JetStreamContext, run: Run) -> None:
    other = embedded_batch(piece(8).vectors, first=200, batch_id="batch-2")
    async with run() as service:
        await send(js, piece(0), piece(1), piece(2))
        await settled(js)
        await send(js, other)
        await settled(js)
        told = news((piece(0), "stored"), (piece(1), "refused"), (other, "stored"))
        await js.publish("writing.settled.default", told)
        await until(lambda: service.state.pending == 0)

        assert_counted(service, 0, 8)
    async with run() as service:
        await js.publish("writing.settled.default", told)
        await js.publish("writing.settled.default", news((piece(5), "stored")))
        await until(lambda: service.state.in_doubt == 1)

        assert_counted(service, 0, 8)
