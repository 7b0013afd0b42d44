"""Commands and status over a real bus; the tests play the services that answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import nats
import numpy as np
import pytest
from faststream.nats import NatsBroker
from nats.js import JetStreamContext
from rich.console import Console

from services.cli.commands.command import change
from services.cli.commands.display import Display
from services.cli.commands.request import ask
from services.cli.commands.run import _Run
from services.cli.commands.status import status
from services.cli.commands.streams import show
from services.cli.commands.watcher import Watcher
from services.cli.settings import BusOptions, CliSettings, RunOptions
from shared.bus.registry.channel import Channel
from shared.bus.registry.commands import COMMAND_FORGET, COMMAND_REFIT, COMMAND_ROLLBACK
from shared.bus.registry.durables import DISCOVERY_READS_COMMANDS, PROJECTION_READS_COMMANDS
from shared.bus.registry.projection import (
    PROJECTION_HELD,
    PROJECTION_PREVIEWED,
    PROJECTION_REJECTED,
    PROJECTION_UPDATED,
)
from shared.bus.registry.sources import SOURCE_FORGOTTEN, SOURCE_REJECTED
from shared.bus.registry.writing import WRITING_PUBLISHED
from shared.bus.service_discovery import announce
from shared.contracts.base import Event
from shared.contracts.commands import Forget, Refit, Rollback
from shared.contracts.projection import (
    Decision,
    Movement,
    ProjectionHeld,
    ProjectionModel,
    ProjectionPreviewed,
    ProjectionRejected,
    ProjectionUpdated,
    encode_floats,
)
from shared.contracts.sources import SourceForgotten, SourceRejected
from shared.contracts.writing import MeasuredMovement, WritingPublished
from shared.errors import ConfigurationError, TransientError
from shared.settings import NatsSection
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, ended, until

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = ProjectionModel(
    collection="default", version=3, parent=2, dimension=2, mean=encode_floats(np.zeros(2)),
    components=encode_floats(np.eye(2)), explained_variance_ratio=(0.5, 0.25), record_count=1234,
    reason="command", created_at=NOW,
)  # fmt: skip
MOVEMENT = Movement(
    rms=1, rms_share=0.125, centre=0, centre_share=0, diagonal=8, explained_before=0.25,
    explained_after=0.75,
)  # fmt: skip
DECISION = Decision(
    trigger="command", records=1234, records_at_last_fit=617, growth_threshold=2,
    movement_budget=0.1,
)  # fmt: skip
Answers = Callable[[dict[str, Any]], list[tuple[Channel, Event | bytes]]]


@pytest.fixture(autouse=True)
def plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may ask for colours, or have a narrow window."""
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


def common(command: dict[str, Any], name: str) -> dict[str, Any]:
    correlation_id = command.get("correlation_id")
    return {
        "id": f"{name}:{correlation_id}", "collection": "default", "occurred_at": NOW,
        "correlation_id": correlation_id,
    }  # fmt: skip


def updated(command: dict[str, Any]) -> tuple[Channel, Event]:
    event = ProjectionUpdated(
        **common(command, "updated"), model=MODEL, movement=MOVEMENT, decision=DECISION
    )
    return PROJECTION_UPDATED, event


def published(version: int, **changed: Any) -> tuple[Channel, Event]:
    moved = MeasuredMovement(points=1234, rms=1, median=0.8, p95=2, largest=4)
    event = WritingPublished(
        **common({}, f"published:{version}"), dataset_version=7, model_version=version,
        records=1234, seconds=0.1, movement=changed.get("movement", moved),
    )  # fmt: skip
    return WRITING_PUBLISHED, event


def held(command: dict[str, Any]) -> tuple[Channel, Event]:
    fields = common(command, "held")
    return PROJECTION_HELD, ProjectionHeld(
        **fields, version=2, movement=MOVEMENT, decision=DECISION
    )


def previewed(command: dict[str, Any]) -> tuple[Channel, Event]:
    event = ProjectionPreviewed(
        **common(command, "previewed"), version=2, movement=MOVEMENT, decision=DECISION,
        would_be_held=True,
    )  # fmt: skip
    return PROJECTION_PREVIEWED, event


def rejected(command: dict[str, Any]) -> tuple[Channel, Event]:
    event = ProjectionRejected(
        **common(command, "rejected"),
        command=COMMAND_REFIT.subject("default"),
        reason="no records",
    )
    return PROJECTION_REJECTED, event


@asynccontextmanager
async def service(
    js: JetStreamContext, answers: Answers, durable: Any = PROJECTION_READS_COMMANDS
) -> AsyncIterator[list[dict[str, Any]]]:
    """Answer every command; yields the commands that were taken."""
    taken: list[dict[str, Any]] = []
    commands = await js.pull_subscribe_bind(durable.name("default"), durable.stream)

    async def work() -> None:
        while True:
            try:
                (message,) = await commands.fetch(1, timeout=0.5)
            except (TimeoutError, nats.errors.Error):
                continue
            command = json.loads(message.data)
            await message.ack()
            taken.append(command)
            for channel, event in answers(command):
                body = event if isinstance(event, bytes) else event.model_dump_json().encode()
                await js.publish(channel.subject("default"), body)

    async with asyncio.TaskGroup() as group:
        working = group.create_task(work())
        yield taken
        await ended(working)


def options(
    server: NatsServer, *, is_json: bool = True, collection: str | None = None
) -> BusOptions:
    return BusOptions(url=server.url, is_json=is_json, collection=collection)


async def refit(server: NatsServer, *, timeout_s: float = PATIENCE_S, is_json: bool = True) -> int:
    asked = options(server, is_json=is_json)
    return await change(Refit(), asked, CliSettings(), timeout_s=timeout_s)


async def test_a_refit_is_done_when_the_files_show_it(
    server: NatsServer, js: JetStreamContext, capsys: pytest.CaptureFixture[str]
) -> None:
    async with service(js, lambda c: [updated(c), published(2), published(3)]) as taken:
        code = await refit(server)

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert taken[0]["correlation_id"] == told["correlation_id"] == told["event"]["correlation_id"]
    assert told["outcome"] == "updated"
    assert told["event"]["model"]["version"] == 3
    assert told["published"]["model_version"] == 3
    assert told["published"]["movement"]["median"] == 0.8


async def test_files_that_are_told_of_before_the_model_count_too(
    server: NatsServer, js: JetStreamContext
) -> None:
    """Writing gets the model on another stream, so its event may come first."""
    async with service(js, lambda c: [published(3), updated(c)]):
        assert await refit(server) == 0


async def test_people_read_how_far_points_moved(
    server: NatsServer, js: JetStreamContext, capsys: pytest.CaptureFixture[str]
) -> None:
    async with service(js, lambda c: [updated(c), published(3)]):
        await refit(server, is_json=False)

    told = " ".join(capsys.readouterr().out.split())
    for words in (
        "updated model 3 is current (command)",
        "records 1,234",
        "movement 12.5% of the map's diagonal",
        "explained 25.0% of the variance before, 75.0% after",
        "1,234 points moved: median 10.0%, 95% below 25.0%, largest 50.0% of the diagonal",
        "files 1,234 rows, dataset version 7",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("answer", "outcome", "code", "words"),
    [
        (held, "held", 4, "mapstream refit --force"),
        (previewed, "previewed", 0, "would be held"),
        (rejected, "rejected", 5, "no records"),
    ],
)
async def test_every_other_outcome_has_its_code_and_words(  # noqa: PLR0917
    answer: Any,
    outcome: str,
    code: int,
    words: str,
    server: NatsServer,
    js: JetStreamContext,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with service(js, lambda c: [answer(c)]):
        assert await refit(server) == code
        assert json.loads(capsys.readouterr().out)["outcome"] == outcome
        assert await refit(server, is_json=False) == code
        assert words in capsys.readouterr().out


async def test_without_an_answer_the_command_stays_on_the_bus(
    server: NatsServer, js: JetStreamContext, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await refit(server, timeout_s=0.5, is_json=False)

    told = capsys.readouterr()
    assert code == 1
    assert "projection does not answer" in told.err
    assert "there is no answer after 0.5 s" in told.err
    assert (await js.stream_info("COMMANDS")).state.messages == 1


async def test_a_model_that_the_files_do_not_show_in_time_is_not_done(
    server: NatsServer, js: JetStreamContext, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = 0, {"outcome": "none"}
    async with service(js, lambda c: [updated(c), published(2)]):
        for patience_s in (1, 10, PATIENCE_S):
            if told["outcome"] == "none":  # the answer itself was not in time
                code = await refit(server, timeout_s=patience_s)
                told = json.loads(capsys.readouterr().out)

    assert code == 1
    assert (told["outcome"], told["published"]) == ("updated", None)


async def test_answers_to_others_and_unreadable_events_are_passed_over(
    server: NatsServer, js: JetStreamContext, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = [
        held({"correlation_id": "somebody else's"}),
        held({}),
        (PROJECTION_UPDATED, b"{not json"),
    ]
    async with service(js, lambda c: [*noise, rejected(c)]):
        assert await refit(server) == 5

    assert json.loads(capsys.readouterr().out)["outcome"] == "rejected"


async def test_one_refit_answers_everybody_who_asked_meanwhile(
    server: NatsServer, js: JetStreamContext
) -> None:
    def folded(command: dict[str, Any]) -> list[tuple[Channel, Event | bytes]]:
        channel, event = held({"correlation_id": "somebody else's"})
        return [(channel, event.model_copy(update={"also_answers": (command["correlation_id"],)}))]

    async with service(js, folded):
        assert await refit(server) == 4


async def test_what_happened_before_is_no_answer(server: NatsServer, js: JetStreamContext) -> None:
    """Files of a later model than the answer's, from before a rollback, say nothing."""
    channel, event = published(9)
    await js.publish(channel.subject("default"), event.model_dump_json().encode())
    async with service(js, lambda c: [updated(c)]):
        assert await refit(server, timeout_s=1) == 1


async def test_a_rollback_names_the_version(server: NatsServer, js: JetStreamContext) -> None:
    async with service(js, lambda c: [updated(c), published(3)]) as taken:
        code = await change(
            Rollback(to_version=1), options(server), CliSettings(), timeout_s=PATIENCE_S
        )

    assert code == 0
    assert taken[0]["to_version"] == 1
    assert COMMAND_ROLLBACK.consumers == ("projection",)


@pytest.mark.parametrize(("is_known", "code"), [(True, 0), (False, 5)])
async def test_forgetting_a_source(
    server: NatsServer, js: JetStreamContext, *, is_known: bool, code: int
) -> None:
    def answer(command: dict[str, Any]) -> list[tuple[Channel, Event | bytes]]:
        fields = common(command, "forgotten")
        if is_known:
            return [(SOURCE_FORGOTTEN, SourceForgotten(
                **fields, source_id="1", filename=command["source"], source_version=2
            ))]  # fmt: skip
        subject = COMMAND_FORGET.subject("default")
        return [(SOURCE_REJECTED, SourceRejected(**fields, command=subject, reason="unknown"))]

    async with service(js, answer, DISCOVERY_READS_COMMANDS) as taken:
        given = await change(
            Forget(source="a.jsonl"), options(server), CliSettings(), timeout_s=PATIENCE_S
        )

    assert given == code
    assert taken[0]["source"] == "a.jsonl"


async def test_a_bus_that_is_restarted_does_not_lose_the_answer(
    server: NatsServer, js: JetStreamContext
) -> None:
    """The run's own refit waits on a connection that comes back."""
    client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)

    async def is_asked() -> bool:
        return (await js.stream_info("COMMANDS")).state.messages == 1

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(ask(client, "default", Refit(), timeout_s=PATIENCE_S))
        await until(is_asked)
        await server.kill()
        await server.start()
        async with service(js, lambda c: [rejected(c)]):
            answer = await asked
    await client.close()

    assert answer.outcome == "rejected"


async def test_a_bus_without_streams_says_how_to_declare_them(server: NatsServer) -> None:
    """No ``js`` here, so that nothing has declared the streams."""
    for command in (refit(server), status(options(server), CliSettings())):
        with pytest.raises(TransientError, match="mapstream streams apply"):
            await command


async def test_a_collection_that_nobody_serves_is_not_asked(
    server: NatsServer, js: JetStreamContext
) -> None:
    async with announced(server):
        with pytest.raises(ConfigurationError, match="nobody serves collection 'other'"):
            await change(Refit(), options(server, collection="other"), CliSettings(), timeout_s=1)

    assert (await js.stream_info("COMMANDS")).state.messages == 0


FIGURES: dict[str, dict[str, Any]] = {
    "discovery": {
        "sources": {"completed": 1}, "failures": [], "has_looked": True,
        "records": {"seen": 5, "mapped": 4, "dead": 1, "in_flight": 0},
    },
    "projection": {
        "version": 2, "records": 4, "is_stale": False, "explained_variance_ratio": [0.5, 0.25],
        "held": {
            "movement": MOVEMENT.model_dump(mode="json"),
            "decision": DECISION.model_dump(mode="json"),
        },
    },
    "writing": {"rows": 4, "dataset_version": 8, "model_version": 2, "is_fresh": True},
}  # fmt: skip


@asynccontextmanager
async def announced(server: NatsServer, *, without: str = "") -> AsyncIterator[None]:
    """Four services that tell of themselves as the real ones do."""

    def told(name: str) -> Callable[[], dict[str, Any]]:
        if name == "embedding":
            return lambda: {"state": "running", "blocked": "refused"}
        return lambda: {"state": "running", "collections": {"default": FIGURES[name]}}

    async with NatsBroker(server.url, serializer=None, logger=None) as broker:
        for name in ("discovery", "embedding", "projection", "writing"):
            if name != without:
                await announce(broker, name, "1.0.0", name, told(name))
        yield


async def test_the_status_tells_of_everything(
    server: NatsServer, js: JetStreamContext, capsys: pytest.CaptureFixture[str]
) -> None:
    await js.publish(COMMAND_REFIT.subject("default"), b"{}")
    async with announced(server):
        codes = [
            await status(options(server, is_json=is_json), CliSettings())
            for is_json in (True, False)
        ]

    first, *lines = capsys.readouterr().out.splitlines()
    report, text = json.loads(first), " ".join(" ".join(lines).split())
    assert codes == [0, 0]
    assert report["stages"]["projection"] == {"state": "running", "instances": 1, "lag": 1}
    assert report["records"] == FIGURES["discovery"]["records"]
    assert report["model"]["held"] == FIGURES["projection"]["held"]
    assert report["blocked"] == {"embedding": "refused"}
    for words in (
        "collection default on 127.0.0.1",
        "embedding blocked: refused 1 0",
        "projection running 1 1",
        "5 seen = 4 mapped + 1 dead + 0 in flight",
        "a refit would move points by 12.5% of the map's diagonal",
    ):
        assert words in text


async def test_what_the_streams_hold_is_told_as_json(
    server: NatsServer, js: JetStreamContext, capsys: pytest.CaptureFixture[str]
) -> None:
    await js.publish(COMMAND_REFIT.subject("default"), b"{}")

    await show(options(server), NatsSection(), ["default"])

    told = json.loads(capsys.readouterr().out)
    commands = next(one for one in told["streams"] if one["stream"] == "COMMANDS")
    waiting = {one["consumer"]: one["waiting"] for one in told["consumers"]}
    assert commands["messages"] == 1
    assert commands["bytes"] > 0
    assert waiting["projection-commands"] == 1
    assert waiting["embedding-discovery-batch-default"] == 0


async def test_a_stage_that_is_absent_is_code_1(
    server: NatsServer, js: JetStreamContext, capsys: pytest.CaptureFixture[str]
) -> None:
    assert js
    async with announced(server, without="writing"):
        code = await status(options(server), CliSettings())

    assert code == 1
    assert json.loads(capsys.readouterr().out)["stages"]["writing"]["state"] == "absent"


@pytest.mark.parametrize(
    ("answer", "is_worth_a_look"), [(held, False), (rejected, False)], ids=["held", "rejected"]
)
async def test_the_refit_of_a_drain_forces_and_does_not_wait_for_what_will_not_come(
    answer: Any, server: NatsServer, js: JetStreamContext, tmp_path: Path, *, is_worth_a_look: bool
) -> None:
    asked = RunOptions(
        paths=[], output=tmp_path, collection="default", glob="*", is_once=True, is_json=False,
        is_dry=False,
    )  # fmt: skip
    screen = StringIO()
    client = await nats.connect(server.url)
    run = _Run(asked, CliSettings(), Display(Console(file=screen)), asyncio.Event())
    refit: Callable[..., Awaitable[bool]] = run._refit
    async with service(js, lambda c: [answer(c)]) as taken, asyncio.timeout(PATIENCE_S):
        found = await refit(client, Watcher(client, "default"))
    await client.close()

    assert found is is_worth_a_look
    assert taken[0]["force"] is True
    assert "the last refit was" in screen.getvalue()
