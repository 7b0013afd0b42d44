"""The discovery service against the real server, wired as the process wires it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.js import JetStreamContext

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.app import DURABLES, Discovery
from services.discovery.domain.ledger import CommandRef
from services.discovery.domain.sources import batch_id, source_id
from services.discovery.settings import Settings
from shared.bus.broker import build_bus
from shared.bus.consuming.delivery import RetryPolicy
from shared.contracts.batches import BatchDescriptor, decode
from shared.contracts.sources import SourceCompleted, SourceForgotten, SourceRejected
from shared.contracts.statuses import SourceFigures
from shared.contracts.writing import SettledBatch, WritingSettled
from tests.assigned import at_work
from tests.builders import NOW
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.integration

FORGET = "command.forget.default"
NAME = "runs/ä b'\"💡.jsonl"
ID = source_id("default", NAME)


def content(*responses: str) -> str:
    lines = [
        {"type": "iteration", "iteration": number, "response": response, "final_answer": "x"}
        for number, response in enumerate(responses)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


Run = Callable[[], AbstractAsyncContextManager[Discovery]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "root" / NAME
    found.parent.mkdir(parents=True)
    found.write_text(content("a", "b"))
    return found


@pytest.fixture
def run(server: NatsServer, js: JetStreamContext, tmp_path: Path, file: Path) -> Run:
    """Starts the service again and again on the same ledger."""
    del js, file  # the streams and the source must exist first
    settings = Settings.load(
        nats={"url": server.url},
        state={"folder": tmp_path / "state"},
        ingestion={
            "sources": [{"path": tmp_path / "root"}],
            "trigger": {"mode": "poll", "poll_interval_s": 0.05},
        },
    )

    @asynccontextmanager
    async def start() -> AsyncIterator[Discovery]:
        policy = RetryPolicy(first_delay_s=0.05, longest_delay_s=0.1)
        bus = build_bus(settings.nats, "discovery", policy=policy)
        discovery = Discovery(settings, bus)
        await bus.connect()
        async with at_work(bus, DURABLES, discovery.open()):
            yield discovery
        await bus.close()

    return start


async def messages(js: JetStreamContext, stream: str, family: str) -> list[bytes]:
    state = (await js.stream_info(stream)).state
    numbers = range(state.first_seq, state.last_seq + 1) if state.messages else ()
    found = [await js.get_msg(stream, number) for number in numbers]
    return [message.data for message in found if message.subject.startswith(f"{family}.")]


async def expect(js: JetStreamContext, stream: str, family: str, count: int = 1) -> list[bytes]:
    """Wait until so many messages of a family are there; more must not come."""

    async def are_there() -> bool:
        return len(await messages(js, stream, family)) >= count

    await until(are_there)
    await asyncio.sleep(0.2)
    found = await messages(js, stream, family)
    assert len(found) == count
    return found


async def batches(js: JetStreamContext, count: int) -> list[BatchDescriptor]:
    return [
        decode(body).descriptor for body in await expect(js, "DISCOVERY", "discovery.batch", count)
    ]


async def answers(js: JetStreamContext, count: int) -> list[SourceForgotten]:
    bodies = await expect(js, "EVENTS", "source.forgotten", count)
    return [SourceForgotten.model_validate_json(body) for body in bodies]


async def wish(js: JetStreamContext, subject: str = FORGET, **command: Any) -> None:
    await js.publish(subject, json.dumps(command).encode())


async def commit(js: JetStreamContext, one: BatchDescriptor) -> None:
    """Tell what writing tells when it holds a batch."""
    told = SettledBatch(
        batch_id=one.batch_id,
        source_id=one.source_id,
        source_version=one.source_version,
        verdict="stored",
        records=one.records,
        checksum="0" * 32,
    )
    event = WritingSettled(
        id=f"writing.settled:{one.batch_id}",
        collection="default",
        occurred_at=NOW,
        batches=(told,),
        dataset_version=1,
    )
    await js.publish("writing.settled.default", event.model_dump_json().encode())


async def complete(js: JetStreamContext) -> BatchDescriptor:
    (first,) = await batches(js, 1)
    await commit(js, first)
    (event,) = await expect(js, "EVENTS", "source.completed")
    assert SourceCompleted.model_validate_json(event).mapped == 2
    return first


async def test_of_a_log_that_grows_only_what_is_new_is_sent_and_its_accounts_go_on(
    js: JetStreamContext, run: Run, file: Path
) -> None:
    async with run():
        first = await complete(js)
    with file.open("a") as log:
        log.write(content("c"))
    async with run() as discovery:
        _, second = await batches(js, 2)
        await commit(js, first)
        await commit(js, second)
        _, event = await expect(js, "EVENTS", "source.completed", 2)
        await until(lambda: discovery.figures["default"].records.mapped == 3)
    (body,) = (await messages(js, "DISCOVERY", "discovery.batch"))[1:]

    told = SourceCompleted.model_validate_json(event)
    assert (told.source_version, told.seen, told.mapped) == (1, 3, 3)
    assert (second.source_version, second.index, second.records) == (1, 1, 1)
    (row,) = decode(body).rows.to_pylist()
    assert (row["text"], row["line"], row["idx_in_iteration"]) == ("c", 3, 1)


async def test_a_source_that_goes_and_comes_back_is_told_and_counted(
    js: JetStreamContext, run: Run, file: Path
) -> None:
    file.with_name("stays.jsonl").write_text(content("c"))
    text = file.read_text()
    async with run() as discovery:

        def figures() -> SourceFigures:
            return discovery.figures.get("default", SourceFigures())

        await until(lambda: figures().records.seen == 3)
        await until(lambda: not figures().sources["reading"])
        file.unlink()
        gone = await told(js, "source.gone")
        await until(lambda: [one.filename for one in figures().gone] == [NAME])
        file.write_text(text)
        back = await told(js, "source.returned")
        await until(lambda: figures().gone_sources == 0)

    assert (gone["filename"], gone["source_version"], gone["same_as"]) == (NAME, 1, None)
    assert (back["filename"], back["source_version"]) == (NAME, 1)
    assert len(await messages(js, "DISCOVERY", "discovery.batch")) == 2


async def told(js: JetStreamContext, family: str) -> dict[str, Any]:
    """Wait for the only event of its kind."""
    (event,) = await until(lambda: messages(js, "EVENTS", family))
    return json.loads(event)


@pytest.mark.parametrize("name", [NAME, ID])
async def test_a_source_is_forgotten_and_whoever_wished_so_is_told(
    js: JetStreamContext, run: Run, name: str
) -> None:
    async with run() as discovery:
        first = await complete(js)
        await wish(js, source=name, correlation_id="mine")
        _, empty = await batches(js, 2)
        assert await messages(js, "EVENTS", "source.forgotten") == []

        await commit(js, first)
        await commit(js, empty)
        (event,) = await answers(js, 1)

        def figures() -> tuple[int, int]:
            told = discovery.figures["default"]
            return told.sources.get("forgotten", 0), told.records.seen

        await until(lambda: figures() == (1, 0))

    assert empty.batch_id == batch_id("default", ID, 2, first.fingerprint, 0)
    assert (empty.source_version, empty.fingerprint) == (2, first.fingerprint)
    assert (empty.index, empty.is_last, empty.records, empty.is_forgotten) == (0, True, 0, True)
    assert (event.correlation_id, event.source_version) == ("mine", 2)
    assert (event.source_id, event.filename, event.collection) == (ID, NAME, "default")
    assert len(await messages(js, "EVENTS", "source.completed")) == 1


async def test_a_forgotten_source_stays_away_until_its_content_changes(
    js: JetStreamContext, run: Run, file: Path, tmp_path: Path
) -> None:
    async with run():
        await complete(js)
        await wish(js, source=NAME)
        await commit(js, (await batches(js, 2))[1])
        await answers(js, 1)
        file.touch()
        await asyncio.sleep(0.3)
    async with run():
        file.touch()
        await batches(js, 2)
        changed = tmp_path / "changed"
        changed.write_text(content("c"))
        changed.replace(file)  # else it might be read when it is half written
        last = (await batches(js, 3))[2]

    assert (last.source_version, last.is_forgotten, last.records) == (3, False, 1)


async def test_everybody_who_wishes_it_is_answered(js: JetStreamContext, run: Run) -> None:
    async with run():
        await complete(js)
        await wish(js, source=NAME, correlation_id="1")
        await wish(js, source=ID, correlation_id="2")
        _, empty = await batches(js, 2)
        await commit(js, empty)
        await answers(js, 2)
        await wish(js, source=NAME, correlation_id="3")
        await js.publish(
            FORGET, json.dumps({"source": NAME}).encode(), headers={"Nats-Msg-Id": "own"}
        )
        await wish(js, source=NAME)
        events = await answers(js, 5)

    told = [event.correlation_id for event in events]
    assert told[:4] == ["1", "2", "3", "own"]
    assert str(told[4]).startswith(f"{FORGET}@5@")


async def test_a_crash_before_the_batch_is_sent_is_mended_at_the_next_start(
    js: JetStreamContext, run: Run, tmp_path: Path
) -> None:
    async with run():
        await complete(js)
    async with SqliteStateStore.open(tmp_path / "state" / "discovery") as store:
        await store.forget(ID, CommandRef("1@t", "mine"))

    async with run():
        _, empty = await batches(js, 2)
        await commit(js, empty)
        (event,) = await answers(js, 1)
    assert (empty.is_forgotten, event.correlation_id) == (True, "mine")


@pytest.mark.parametrize(
    ("subject", "body", "reason"),
    [
        (FORGET, b"{", "cannot be read"),
        (FORGET, b"[]", "cannot be read"),
        (FORGET, b"\xff", "cannot be read"),
        (FORGET, b'{"source": 7}', "source"),
        (FORGET, b'{"source": "\\ud800"}', "cannot be read"),
        (FORGET, b"", "empty"),
        (FORGET, b"{}", "empty"),
        (FORGET, b'{"source": "nowhere.jsonl"}', "nowhere.jsonl"),
        (FORGET, b'{"source": "waiting.jsonl"}', "no records yet"),
        ("command.forget.other", b'{"source": "a"}', "nobody serves"),
        (FORGET, b'{"file": "a"}', "file: there is no such field"),
        ("command.drop.default", b'{"sequence": [63]}', "sequence: there is no such field"),
        ("command.drop.default", b"{}", "say which"),
        ("command.replay.default", b'{"sequences": []}', "sequences: [] is no value"),
    ],
)
async def test_a_command_that_cannot_be_carried_out_is_answered(
    js: JetStreamContext, run: Run, file: Path, subject: str, body: bytes, reason: str
) -> None:
    waiting = content("a").replace("final_answer", "not_yet")
    (file.parent.parent / "waiting.jsonl").write_text(waiting)

    def sources() -> dict[str, int]:
        return discovery.figures.get("default", SourceFigures()).sources

    async with run() as discovery:
        await complete(js)
        await until(lambda: sources().get("incomplete") == 1)
        await js.publish(subject, body, headers={"Nats-Msg-Id": "mine"})
        (told,) = await expect(js, "EVENTS", "source.rejected")
        await wish(js, source=NAME)
        await batches(js, 2)

    event = SourceRejected.model_validate_json(told)
    assert reason in event.reason
    assert (event.command, event.correlation_id) == (subject, "mine")
    assert event.collection == subject.rsplit(".", 1)[1]
    assert await messages(js, "DEAD_LETTERS", "dead") == []


async def test_a_command_for_what_can_be_no_collection_does_not_disturb(
    js: JetStreamContext, run: Run
) -> None:
    async with run():
        await complete(js)
        await wish(js, "command.forget.Ä", source=NAME)
        await wish(js, source=NAME)
        await batches(js, 2)

    assert len(await messages(js, "DEAD_LETTERS", "dead.discovery")) == 1


async def test_a_flood_of_rubbish_is_few_letters_and_a_dead_line_each(
    js: JetStreamContext, run: Run, file: Path
) -> None:
    (file.parent / "flood.jsonl").write_bytes(b"rubbish\n" * 30_000 + content("a").encode())

    def dead() -> int:
        return discovery.figures.get("default", SourceFigures()).records.dead

    async with run() as discovery:
        await until(lambda: dead() == 30_000)
        letters = await expect(js, "DEAD_LETTERS", "dead.discovery", 1_001)

    assert letters[0] == b"rubbish"
    assert letters[-1].startswith(b"rubbish\nrubbish\n")
