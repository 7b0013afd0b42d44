"""Dead letters that are replayed and dropped by discovery, against the real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.js import JetStreamContext

from services.discovery.app import DURABLES, Discovery
from services.discovery.domain.sources import source_id
from services.discovery.settings import Settings
from shared.bus.broker import build_bus
from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.writing import WRITING_SETTLED
from shared.bus.topology import apply_topology
from shared.contracts.batches import Batch, decode, encode
from shared.contracts.commands import Selection
from shared.contracts.dead_letter_events import LettersDropped, LettersReplayed
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.sources import SourceRejected
from shared.contracts.writing import SettledBatch, WritingSettled
from tests.assigned import at_work
from tests.builders import NOW
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration

NAME = "ä.jsonl"
ID = source_id("default", NAME)
LONG = "x" * 2000


def line(number: int, response: str, **more: object) -> str:
    entry = {"type": "iteration", "iteration": number, "response": response} | more
    return json.dumps(entry) + "\n"


class Stage:
    """Reads what is sent to a stage, and answers as the stages behind it would."""

    def __init__(self, js: JetStreamContext) -> None:
        self.js = js
        self.seen: set[int] = set()

    async def batch(self, stream: str = "DISCOVERY") -> Batch:
        """Wait for the next batch of a stream."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                state = (await self.js.stream_info(stream)).state
                for number in range(state.first_seq, state.last_seq + 1):
                    if number not in self.seen and state.messages:
                        self.seen.add(number)
                        return decode((await self.js.get_msg(stream, number)).data or b"")
                await asyncio.sleep(0.02)

    async def commit(self, batch: Batch, records: int | None = None) -> None:
        facts = batch.descriptor
        told = SettledBatch(
            batch_id=facts.batch_id,
            source_id=facts.source_id,
            source_version=facts.source_version,
            verdict="stored",
            records=len(batch) if records is None else records,
            checksum="0" * 32,
        )
        event = WritingSettled(
            id=f"writing.settled:{facts.delivery_id}:{records}",
            collection="default",
            occurred_at=NOW,
            batches=(told,),
            dataset_version=1,
        )
        body = event.model_dump_json().encode()
        await self.js.publish(WRITING_SETTLED.subject("default"), body)

    async def refuse(self, batch: Batch, position: int, stage: str = "embedding") -> None:
        facts = batch.descriptor
        alone = Batch(facts, batch.rows.slice(position, 1))
        record_id = alone.rows["id"][0].as_py()
        await self.bury(
            DeadLetter(
                key=f"{facts.delivery_id}:{record_id}",
                stage=stage,
                collection="default",
                reason="refused",
                body=encode(alone),
                filename=facts.filename,
                record_id=record_id,
                source_id=facts.source_id,
                source_version=facts.source_version,
                batch_id=facts.batch_id,
            )
        )

    async def bury(self, letter: DeadLetter) -> None:
        out = outgoing_dead_letter(letter)
        await self.js.publish(
            out.channel.subject("default"),
            out.body,
            headers={**out.headers, MESSAGE_ID: out.message_id},
        )


@pytest.fixture
def stage(js: JetStreamContext) -> Stage:
    return Stage(js)


@pytest.fixture(autouse=True)
def file(tmp_path: Path) -> Path:
    found = tmp_path / "root" / NAME
    found.parent.mkdir()
    text = line(1, "one") + line(2, "two") + line(3, LONG) + line(4, "end", final_answer="x")
    found.write_text(text)
    return found


@pytest.fixture
async def log(server: NatsServer, js: JetStreamContext) -> AsyncIterator[DeadLetterLog]:
    del js
    client = await nats.connect(server.url)
    yield DeadLetterLog(client)
    await client.close()


@asynccontextmanager
async def discovery(
    server: NatsServer, tmp_path: Path, *, max_line_bytes: int = 1024
) -> AsyncIterator[Discovery]:
    settings = Settings.load(
        nats={"url": server.url},
        state={"folder": tmp_path / "state"},
        ingestion={
            "sources": [{"path": tmp_path / "root"}],
            "trigger": {"mode": "poll", "poll_interval_s": 0.05},
            "max_line_bytes": max_line_bytes,
        },
    )
    policy = RetryPolicy(first_delay_s=0.05, longest_delay_s=0.1)
    bus = build_bus(settings.nats, "discovery", policy=policy)
    service = Discovery(settings, bus)
    await bus.connect()
    async with at_work(bus, DURABLES, service.open()):
        yield service
    await bus.close()


async def figures(service: Discovery, *wanted: int) -> None:
    """Wait until seen, mapped, dead and in flight are these."""
    found: tuple[int, ...] = ()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while found != wanted:
                if told := service.figures.get("default"):
                    names = ("seen", "mapped", "dead", "in_flight")
                    found = tuple(getattr(told.records, name) for name in names)
                await asyncio.sleep(0.02)
    except TimeoutError:
        assert found == wanted


async def ask(js: JetStreamContext, what: str, **command: object) -> dict[str, object]:
    """Give a command and wait for its answer."""
    identity = f"{what}-{command}"
    subscription = await js.subscribe("letters.*.default", ordered_consumer=True)
    await js.publish(
        f"command.{what}.default",
        json.dumps({"correlation_id": identity, **command}).encode(),
    )
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message = await subscription.next_msg(timeout=PATIENCE_S)
            event = json.loads(message.data)
            if event["correlation_id"] == identity:
                await subscription.unsubscribe()
                return event


async def two_dead(stage: Stage, service: Discovery) -> None:
    """One record is refused by embedding, one line is too long, two records are mapped."""
    batch = await stage.batch()
    await stage.refuse(batch, 1)
    await stage.commit(batch, 2)
    await figures(service, 4, 2, 2, 0)


async def test_what_died_is_mapped_after_the_fix_and_the_ledger_closes(
    server: NatsServer, js: JetStreamContext, stage: Stage, tmp_path: Path,
    log: DeadLetterLog,
) -> None:  # fmt: skip
    async with discovery(server, tmp_path) as service:
        await two_dead(stage, service)
    async with discovery(server, tmp_path, max_line_bytes=1 << 20) as service:
        answer = LettersReplayed.model_validate(await ask(js, "replay", all=True))
        assert (answer.letters, answer.records, answer.refused) == (2, 2, 0)
        await figures(service, 4, 2, 0, 2)
        assert (await log.page("default", Selection())).total == 0
        again = [await stage.batch(), await stage.batch()]
        for one in again:
            await stage.commit(one)
        await figures(service, 4, 4, 0, 0)

    texts = sorted(text for one in again for text in one.rows["text"].to_pylist())
    assert texts == ["two", LONG]
    assert {one.descriptor.source_id for one in again} == {ID}


async def test_what_dies_again_is_dead_again(
    server: NatsServer, js: JetStreamContext, stage: Stage, tmp_path: Path,
    log: DeadLetterLog,
) -> None:  # fmt: skip
    async with discovery(server, tmp_path) as service:
        await two_dead(stage, service)
        first = await ask(js, "replay", stage="embedding")
        batch = await stage.batch()
        await figures(service, 4, 2, 1, 1)
        await stage.refuse(batch, 0)
        await stage.commit(batch, 0)
        await figures(service, 4, 2, 2, 0)
        second = await ask(js, "replay", stage="embedding", source=NAME)
        await stage.commit(await stage.batch())
        await figures(service, 4, 3, 1, 0)
        (left,) = (await log.page("default", Selection())).letters

    assert first["letters"] == second["letters"] == 1
    assert left.letter.stage == "discovery"


async def test_a_replay_survives_a_crash_and_the_loss_of_the_bus(
    server: NatsServer, js: JetStreamContext, stage: Stage, tmp_path: Path
) -> None:
    async with discovery(server, tmp_path) as service:
        await two_dead(stage, service)
        await ask(js, "replay", stage="embedding")
        await stage.batch()
    await js.delete_stream("DISCOVERY")
    await apply_topology(js, ["default"])
    stage.seen.clear()

    async with discovery(server, tmp_path) as service:
        await figures(service, 4, 2, 1, 1)
        await stage.commit(await stage.batch())
        await figures(service, 4, 3, 1, 0)


async def test_a_whole_batch_goes_again_to_the_stage_that_gave_it_up(
    server: NatsServer, js: JetStreamContext, stage: Stage, tmp_path: Path
) -> None:
    async with discovery(server, tmp_path, max_line_bytes=1 << 20) as service:
        batch = await stage.batch()
        facts = batch.descriptor
        dead = DeadLetter(
            key=facts.batch_id, stage="projection", collection="default", reason="no room",
            body=encode(batch), records=4, filename=NAME, source_id=ID, source_version=1,
            batch_id=facts.batch_id,
        )  # fmt: skip
        await stage.bury(dead)
        await figures(service, 4, 0, 4, 0)
        await ask(js, "replay", all=True)
        stage.seen.clear()
        again = await stage.batch("EMBEDDING")
        await figures(service, 4, 0, 0, 4)
        await stage.commit(again)
        await figures(service, 4, 4, 0, 0)

    assert again.descriptor.batch_id == facts.batch_id
    assert again.descriptor.replays == 1
    subject = (await js.get_msg("EMBEDDING", 1)).subject
    assert subject == EMBEDDING_BATCH.subject("default")


async def test_dropped_letters_are_gone_and_told_apart(
    server: NatsServer, js: JetStreamContext, stage: Stage, tmp_path: Path,
    log: DeadLetterLog,
) -> None:  # fmt: skip
    async with discovery(server, tmp_path) as service:
        await two_dead(stage, service)
        answer = LettersDropped.model_validate(await ask(js, "drop", sequences=[1, 77]))
        assert (answer.letters, answer.records, answer.refused) == (1, 1, 1)
        assert answer.refusals[0].sequence == 77
        await figures(service, 4, 2, 2, 0)
        await until(lambda: service.figures["default"].records.dropped == 1)
        page = await log.page("default", Selection())

    assert [one.sequence for one in page.letters] == [2]


@pytest.mark.parametrize("what", ["replay", "drop"])
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "cannot be read"),
        (b'{"stage": "cooking"}', "stage"),
        (b'{"sequences": [0]}', "sequences"),
        (b'{"since": "2026-01-01"}', "since"),
    ],
)
async def test_a_command_that_cannot_be_read_is_answered(
    server: NatsServer, js: JetStreamContext, tmp_path: Path, what: str, body: bytes, reason: str
) -> None:  # fmt: skip
    async with discovery(server, tmp_path):
        subscription = await js.subscribe("source.rejected.default", ordered_consumer=True)
        await js.publish(f"command.{what}.default", body, headers={MESSAGE_ID: "mine"})
        message = await subscription.next_msg(timeout=PATIENCE_S)

    event = SourceRejected.model_validate_json(message.data)
    assert reason in event.reason
    assert event.correlation_id == "mine"


async def test_pages_and_filters(stage: Stage, log: DeadLetterLog) -> None:
    for number in range(7):
        letter = DeadLetter(
            key=str(number), stage="writing" if number % 2 else "embedding", collection="default",
            reason="?", body=b"body" * 100, filename=f"ü{number % 3}.jsonl", source_id="s",
        )  # fmt: skip
        await stage.bury(letter)

    first = await log.page("default", Selection(), limit=3)
    assert first.next_after is not None
    second = await log.page("default", Selection(), after=first.next_after, limit=9)
    of_writing = await log.page("default", Selection(stage="writing"))
    of_source = await log.page("default", Selection(source="ü1.jsonl"))
    whole = await log.get(2)

    assert [one.sequence for one in first.letters] == [1, 2, 3]
    assert [one.sequence for one in second.letters] == [4, 5, 6, 7]
    assert (first.total, second.total, second.next_after) == (7, 7, None)
    assert [one.sequence for one in of_writing.letters] == [2, 4, 6]
    assert [one.sequence for one in of_source.letters] == [2, 5]
    assert (of_source.total, of_source.next_after) == (None, None)
    listed = await log.page("default", Selection(sequences=(5, 3, 99, 6)), limit=2)
    assert ([one.sequence for one in listed.letters], listed.total) == ([3, 5], 3)
    rest = await log.page("default", Selection(sequences=(5, 3, 6)), after=5)
    assert ([one.sequence for one in rest.letters], rest.next_after) == ([6], None)
    late = await log.page("default", Selection(since=first.letters[1].stored_at), limit=2)
    assert ([one.sequence for one in late.letters], late.total) == ([2, 3], 6)
    later = await log.page("default", Selection(since=late.letters[0].stored_at), after=3)
    assert ([one.sequence for one in later.letters], later.total) == ([4, 5, 6, 7], 6)
    one_of_source = await log.page("default", Selection(source="ü1.jsonl"), limit=1)
    assert ([one.sequence for one in one_of_source.letters], one_of_source.next_after) == ([2], 2)
    assert all(not one.letter.body and one.letter.original_bytes == 400 for one in first.letters)
    assert whole is not None
    assert whole.letter.body == b"body" * 100
    assert await log.get(99) is None
    await log.delete(2)
    await log.delete(2)
    assert await log.get(2) is None


async def test_a_letter_has_one_time_however_it_is_read(stage: Stage, log: DeadLetterLog) -> None:
    for number in range(30):
        await stage.bury(
            DeadLetter(
                key=str(number), stage="writing", collection="default", reason="?", body=b"body"
            )
        )

    page = await log.page("default", Selection(), limit=100)
    listed = [(one.sequence, one.stored_at) for one in page.letters]
    walked = [(one.sequence, one.stored_at) async for one in log.walk("default", Selection())]

    assert len(listed) == 30
    assert listed == walked
