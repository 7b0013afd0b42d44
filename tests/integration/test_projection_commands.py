"""Commands for the projection over the real server: each is carried out once and answered."""

import json
from pathlib import Path
from typing import Any, Self

import pytest
from nats.js import JetStreamContext

from shared.bus.consuming import durable_subscriber
from shared.bus.consuming.pull_consumer import PullConsumer
from shared.bus.registry.commands import COMMAND_REFIT, COMMAND_ROLLBACK
from shared.contracts.batches import decode
from shared.contracts.projection import (
    ProjectionHeld,
    ProjectionPreviewed,
    ProjectionRejected,
    ProjectionUpdated,
)
from tests.integration.projecting import (
    Run,
    Running,
    events,
    messages,
    piece,
    send,
    settled,
    starter,
)
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.integration

REFIT = COMMAND_REFIT.subject("default")
ROLLBACK = COMMAND_ROLLBACK.subject("default")


@pytest.fixture
def run(server: NatsServer, js: JetStreamContext, tmp_path: Path) -> Run:
    del js  # the streams must exist first
    return starter(server, tmp_path)


async def say(
    js: JetStreamContext,
    body: bytes | dict[str, Any] = b"{}",
    subject: str = REFIT,
    wish: str = "",
) -> None:
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    await js.publish(subject, body, headers={"Nats-Msg-Id": wish} if wish else None)


async def filled(js: JetStreamContext, *numbers: int) -> None:
    for number in numbers or (0,):
        await send(js, piece(number))
        await settled(js)


async def updated(js: JetStreamContext) -> list[ProjectionUpdated]:
    bodies = await events(js, "projection.updated")
    return [ProjectionUpdated.model_validate_json(one) for one in bodies]


async def rejected(js: JetStreamContext, collection: str = "default") -> list[ProjectionRejected]:
    found = await messages(js, "EVENTS")
    subject = f"projection.rejected.{collection}"
    return [ProjectionRejected.model_validate_json(m.data) for m in found if m.subject == subject]


def version(service: Running) -> int:
    return service.state.model.version if service.state.model else 0


# --- carried out


async def test_an_empty_command_refits_and_is_answered(js: JetStreamContext, run: Run) -> None:
    async with run(refit_threshold=100) as service:
        await filled(js, 0, 1)
        assert service.state.is_stale

        await say(js, b"{}", wish="wish-1")
        await settled(js)
        await filled(js, 2)

    event = (await updated(js))[-1]
    assert (event.correlation_id, event.also_answers) == ("wish-1", ())
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
    odd = "süß\r\nNats-Msg-Id: x \U0001f642"
    async with run():
        await filled(js)
        for body in ({"correlation_id": "own", "reason": "why not"}, b"", b"{}"):
            await say(js, body)
            await settled(js)
        await say(js, {"correlation_id": odd})
        await settled(js)
        await say(js, {"correlation_id": odd, "dry_run": True})
        await settled(js)

    found = await updated(js)
    assert [one.model.version for one in found] == [1, 2, 3, 4, 5]
    ids = [one.correlation_id for one in found]
    assert (ids[:2], ids[4]) == ([None, "own"], odd)
    assert all(ids[2:])
    assert len(set(ids)) == 5
    assert found[1].model.reason == "why not"
    (seen,) = await events(js, "projection.previewed")
    assert ProjectionPreviewed.model_validate_json(seen).correlation_id == odd
    assert await messages(js, "DEAD_LETTERS") == []


async def test_a_rollback_brings_back_the_old_coordinates(js: JetStreamContext, run: Run) -> None:
    async with run():
        await filled(js, 0, 5)
        await say(js, {"to_version": 1}, ROLLBACK, wish="back")
        await settled(js)
        await send(js, piece(9, 1))
        await settled(js)

    event = (await updated(js))[-1]
    assert (event.correlation_id, event.model.version, event.model.parent) == ("back", 3, 2)
    assert event.model.reason == "rollback to 1"
    assert event.decision is not None
    assert event.decision.trigger == "rollback"
    assert event.movement is not None
    assert event.movement.rms > 0
    first = (await updated(js))[0].model
    assert (event.model.mean, event.model.components) == (first.mean, first.components)
    last = decode((await messages(js, "PROJECTION"))[-1].data)
    assert last.descriptor.model_version == 3
    wanted = first.plane().project(piece(9, 1).vectors)
    assert [last.rows[axis].to_pylist() for axis in "xy"] == wanted.T.tolist()


async def test_a_dry_run_a_hold_and_force(js: JetStreamContext, run: Run) -> None:
    async with run(refit_threshold=100, young_below=0, movement_budget=1e-6) as service:
        await filled(js, 0, 5)
        await say(js, {"dry_run": True}, wish="look")
        await settled(js)
        assert version(service) == 1
        await say(js, wish="try")
        await settled(js)
        assert version(service) == 1
        await say(js, {"force": True}, wish="force")
        await settled(js)
        assert version(service) == 2

    (seen,) = await events(js, "projection.previewed")
    (held,) = await events(js, "projection.held")
    preview = ProjectionPreviewed.model_validate_json(seen)
    hold = ProjectionHeld.model_validate_json(held)
    made = (await updated(js))[-1]
    answers = (preview.correlation_id, hold.correlation_id, made.correlation_id)
    assert answers == ("look", "try", "force")
    assert preview.movement == hold.movement == made.movement
    assert preview.would_be_held
    assert (preview.version, hold.version, made.model.version) == (1, 1, 2)
    assert len(await updated(js)) == 2


async def test_refits_that_wait_behind_another_are_folded_into_one(
    js: JetStreamContext, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pullers: list[PullConsumer] = []

    class Noted(PullConsumer):
        async def __aenter__(self) -> Self:
            pullers.append(self)
            return await super().__aenter__()

    monkeypatch.setattr(durable_subscriber, "PullConsumer", Noted)
    async with run() as service:
        publisher = service.publisher
        await filled(js)
        publisher.gate.clear()
        await say(js, wish="wish-0")
        await until(publisher.is_waiting.is_set)
        for number in range(1, 6):
            await say(js, wish=f"wish-{number}")
        await until(lambda: sum(len(one.waiting) for one in pullers) == 5)
        publisher.gate.set()
        await settled(js)

        assert version(service) == 3
    found = [(one.correlation_id, one.also_answers) for one in await updated(js)]
    assert found == [
        (None, ()),
        ("wish-0", ()),
        ("wish-1", ("wish-2", "wish-3", "wish-4", "wish-5")),
    ]


async def test_a_command_that_was_carried_out_before_a_crash_is_not_repeated(
    js: JetStreamContext, run: Run
) -> None:
    async with run():
        await filled(js, 0, 5)
    async with run(before="projection.updated") as service:
        await say(js, {"to_version": 1}, ROLLBACK, wish="wish-1")
        await until(lambda: version(service) == 3)

    async with run() as again:
        await settled(js)

        assert version(again) == 3
    found = await updated(js)
    assert [(one.model.version, one.correlation_id) for one in found] == [
        (1, None),
        (2, None),
        (3, "wish-1"),
    ]
    assert found[-1].movement is not None
    assert found[-1].decision is not None
    assert found[-1].decision.trigger == "rollback"


async def test_a_command_that_is_delivered_again_after_it_was_carried_out_makes_nothing(
    js: JetStreamContext, run: Run
) -> None:
    """The service dies between the model and the ack; other models come before the command."""
    async with run(before="audit.command") as service:
        await send(js, piece(0))
        await until(lambda: version(service) == 1)
        await say(js, wish="wish-1")
        await until(lambda: version(service) == 2)
        await send(js, piece(5, 30))
        await until(lambda: version(service) == 3)

    async with run() as again:
        await settled(js)

        assert version(again) == 3
    assert [(one.model.version, one.correlation_id) for one in await updated(js)] == [
        (1, None),
        (2, "wish-1"),
        (3, None),
    ]


# --- refused


@pytest.mark.parametrize(
    ("subject", "body", "reason"),
    [
        (REFIT, b"{", "cannot be read"),
        (REFIT, b"[]", "cannot be read"),
        (REFIT, b"\xff", "cannot be read"),
        (REFIT, b'{"reason": 7}', "reason: "),
        (REFIT, b'{"dry_run": "perhaps"}', "dry_run: "),
        (ROLLBACK, b'{"to_version": "two"}', "to_version: "),
        (ROLLBACK, b'{"to_version": 0}', "to_version: "),
        (ROLLBACK, b'{"to_version": 9}', "there is no version 9"),
        (ROLLBACK, b"{}", "no parent"),
    ],
)
async def test_a_command_that_cannot_be_carried_out_is_answered_and_the_service_goes_on(
    js: JetStreamContext, run: Run, subject: str, body: bytes, reason: str
) -> None:
    async with run() as service:
        await filled(js)
        await say(js, body, subject, wish="wish-1")
        await settled(js)
        assert version(service) == 1

        await say(js, wish="wish-2")
        await settled(js)
        assert version(service) == 2

    (told,) = await rejected(js)
    assert reason in told.reason
    assert (told.correlation_id, told.command) == ("wish-1", subject)
    assert await messages(js, "DEAD_LETTERS") == []


@pytest.mark.parametrize(
    ("subject", "reason"), [(REFIT, "no records"), (ROLLBACK, "there is no model yet")]
)
async def test_before_the_first_record_there_is_nothing_to_command(
    js: JetStreamContext, run: Run, subject: str, reason: str
) -> None:
    async with run():
        for body in (b"", b"{}"):
            await say(js, body, subject)
            await settled(js)

    told = await rejected(js)
    assert len(told) == 2
    assert all(reason in one.reason and one.correlation_id for one in told)


async def test_a_command_for_nobody_is_refused(js: JetStreamContext, run: Run) -> None:
    async with run() as service:
        await filled(js)
        await say(js, subject="command.refit.nobody", wish="wish-1")
        await say(js, b"{", subject="command.rollback.nobody")
        await say(js, subject="command.refit.Not-a-Collection")
        await say(js)
        await settled(js)

        assert version(service) == 2
    told = await rejected(js, "nobody")
    first, second = sorted(told, key=lambda one: one.correlation_id != "wish-1")
    assert "nobody serves collection 'nobody'" in first.reason
    assert (first.command, first.correlation_id) == ("command.refit.nobody", "wish-1")
    assert "cannot be read" in second.reason
    (dead,) = await messages(js, "DEAD_LETTERS")
    assert "cannot name a collection" in dead.headers["mapstream-reason"]
