"""Discovery makes collections while it runs, over the real server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from services.discovery.app import DURABLES, Discovery
from services.discovery.settings import Settings
from shared.bus.broker import build_bus
from shared.bus.consumers import consumer_config, declare_consumers
from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.reading.collections import CollectionBook
from shared.bus.registry import durables
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.writing import WRITING_SETTLED
from shared.bus.request import AnswersOnTheBus, CommandSender, request
from shared.contracts.batches import Batch, decode
from shared.contracts.collections import CollectionChanged
from shared.contracts.commands import Create, NamedSource, Rename
from shared.contracts.sources import SourceRejected
from shared.contracts.writing import SettledBatch, WritingSettled
from shared.waits import WAITS
from tests.assigned import at_work
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration

LOG = (
    json.dumps({"type": "iteration", "iteration": 0, "response": "a", "final_answer": "x"}) + "\n"
)
OF_COLLECTIONS = [one for one in durables.DURABLES if one.is_per_collection]
Run = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture
async def client(server: NatsServer, js: JetStreamContext) -> AsyncIterator[Client]:
    del js  # the streams must exist first
    connected = await nats.connect(server.url)
    yield connected
    await connected.close()


@pytest.fixture
def run(server: NatsServer, tmp_path: Path) -> Run:
    """Starts discovery again and again on the same state."""

    @asynccontextmanager
    async def start(rest_after_s: float = 30.0) -> AsyncIterator[None]:
        (tmp_path / "runs").mkdir(exist_ok=True)
        settings = Settings.load(
            nats={"url": server.url},
            state={"folder": tmp_path / "state"},
            output={"folder": tmp_path / "out"},
            ingestion={
                "sources": [{"path": tmp_path / "runs"}],
                "allowed_roots": [tmp_path / "data"],
                "trigger": {"debounce_s": 0.05, "rescan_interval_s": 3600},
                "rest_after_s": rest_after_s,
            },
        )
        bus = build_bus(
            settings.nats, "discovery", policy=RetryPolicy(first_delay_s=0.05, longest_delay_s=0.1)
        )
        await bus.connect()
        async with at_work(bus, DURABLES, Discovery(settings, bus).open()):
            yield
        await bus.close()

    return start


async def give(client: Client, name: str, command: Create | Rename) -> Any:
    answer = await request(
        command.model_copy(update={"correlation_id": f"{name}-{id(command)}"}),
        name,
        sender=CommandSender(client),
        events=AnswersOnTheBus.of(client, type(command), name),
        timeout_s=PATIENCE_S,
    )
    return answer.event


async def sent(js: JetStreamContext, name: str) -> list[Batch]:
    state = (await js.stream_info("DISCOVERY")).state
    numbers = range(state.first_seq, state.last_seq + 1) if state.messages else ()
    found = [await js.get_msg("DISCOVERY", number) for number in numbers]
    subject = DISCOVERY_BATCH.subject(name)
    return [decode(one.data or b"") for one in found if one.subject == subject]


async def missing(js: JetStreamContext, name: str) -> list[str]:
    gone = []
    for one in OF_COLLECTIONS:
        try:
            await js.consumer_info(one.stream, one.name(name))
        except NotFoundError:
            gone.append(one.name(name))
    return gone


async def test_a_collection_is_made_read_and_there_after_a_restart(
    js: JetStreamContext, client: Client, run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text(LOG)
    wish = Create(title="Mine", sources=(NamedSource(path=str(folder)),))
    async with run():
        made = await give(client, "mine", wish)
        (first,) = await until(lambda: sent(js, "mine"))
        assert await missing(js, "mine") == []
        (folder / "b.jsonl").write_text(LOG)
        await until(lambda: _has(js, "mine", 2))
        renamed = await give(client, "mine", Rename(title="Ours"))
    (folder / "c.jsonl").write_text(LOG)
    async with run():
        await until(lambda: _has(js, "mine", 3))
        known = await CollectionBook(client).find("mine")
        refused = await give(client, "mine", Create())

    assert isinstance(made, CollectionChanged)
    assert (made.record.title, made.record.origin) == ("Mine", "command")
    assert [one.path for one in made.record.sources] == [str(folder)]
    assert (first.descriptor.collection, first.descriptor.filename) == ("mine", "a.jsonl")
    assert isinstance(renamed, CollectionChanged)
    assert known == renamed.record
    assert renamed.record.id == made.record.id
    assert isinstance(refused, SourceRejected)
    assert "there is a collection 'mine' already" in refused.reason


@pytest.mark.usefixtures("js")
async def test_who_follows_the_list_is_answered_when_it_changes(client: Client, run: Run) -> None:
    """And holds up neither others who ask nor discovery when it stops."""
    book = CollectionBook(client)
    async with run():
        first = await book.changed("", 0.0)
        assert first is not None
        assert await book.changed(first.revision, 0.01) is None
        waiting = [asyncio.ensure_future(book.changed(first.revision, 30.0)) for _ in range(3)]
        assert await book.find("mine") is None
        await give(client, "mine", Create())
        told = [await one for one in waiting]
        for one in told:
            assert one is not None
            assert [record.name for record in one.records] == ["default", "mine"]
        last = asyncio.ensure_future(book.changed(told[0].revision if told[0] else "", 30.0))
        await asyncio.sleep(0.1)
    assert await last is None


async def _has(js: JetStreamContext, name: str, count: int) -> bool:
    return len(await sent(js, name)) == count


async def test_consumers_that_are_missing_are_made_at_the_start_and_the_others_stay(
    js: JetStreamContext, client: Client, run: Run
) -> None:
    async with run():
        await give(client, "mine", Create())
        await CollectionBook(client).wake("mine")
    gone = durables.EMBEDDING_READS_BATCHES
    await js.delete_consumer(gone.stream, gone.name("mine"))
    await js.delete_consumer(gone.stream, gone.name("default"))
    kept = durables.WRITING_READS_PROJECTION
    before = await js.consumer_info(kept.stream, kept.name("mine"))

    async with run():
        after = await js.consumer_info(kept.stream, kept.name("mine"))
        assert await missing(js, "mine") == await missing(js, "default") == []

    assert after.created == before.created


async def test_a_consumer_with_other_settings_is_left_as_it_is(
    js: JetStreamContext, client: Client
) -> None:
    durable = durables.EMBEDDING_READS_BATCHES
    config = consumer_config(durable, "mine", 77)
    await js.add_consumer(durable.stream, config)

    await declare_consumers(client, ["mine"], 15)
    await declare_consumers(client, ["mine"], 15)

    found = await js.consumer_info(durable.stream, durable.name("mine"))
    assert found.config.ack_wait == 77
    assert await missing(js, "mine") == []


async def test_a_stream_that_is_not_there_is_said(js: JetStreamContext, client: Client) -> None:
    await js.delete_stream("SETTLED")

    with pytest.raises(NotFoundError):
        await declare_consumers(client, ["mine"])


async def test_where_no_consumer_more_is_allowed_a_collection_waits_until_there_is_room(
    js: JetStreamContext, client: Client, run: Run, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text(LOG)
    config = (await js.stream_info("PROJECTION")).config
    async with run():
        await js.update_stream(config, max_consumers=1)
        made = await give(client, "mine", Create(sources=(NamedSource(path=str(folder)),)))
        await until(lambda: any("looking for sources" in one["what"] for one in WAITS.told()))
        assert await sent(js, "mine") == []
        await js.update_stream(config, max_consumers=-1)
        await until(lambda: _has(js, "mine", 1))

    assert isinstance(made, CollectionChanged)


async def test_a_collection_without_work_has_nothing_on_the_bus(
    js: JetStreamContext, client: Client, run: Run, tmp_path: Path
) -> None:
    """It has consumers before its first batch comes, and none when all is settled."""
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    book = CollectionBook(client, is_busy=True)
    async with run(rest_after_s=0.1):
        await give(client, "mine", Create(sources=(NamedSource(path=str(folder)),)))
        assert len(await missing(js, "mine")) == len(OF_COLLECTIONS)
        assert [one.name for one in await book.all()] == ["default"]
        (folder / "a.jsonl").write_text(LOG)
        (batch,) = await until(lambda: sent(js, "mine"))
        assert await missing(js, "mine") == []
        assert [one.name for one in await book.all()] == ["default", "mine"]

        await settle(js, batch)
        await until(lambda: _all_missing(js, "mine"))
        assert [one.name for one in await book.all()] == ["default"]
        assert await missing(js, "default") == []
        assert await CollectionBook(client).wake("nobody") is None
        woken = await CollectionBook(client).wake("mine")
        assert woken is not None
        assert await missing(js, "mine") == []
    async with run(rest_after_s=0.1):
        await until(lambda: _all_missing(js, "mine"))


async def _all_missing(js: JetStreamContext, name: str) -> bool:
    return len(await missing(js, name)) == len(OF_COLLECTIONS)


async def settle(js: JetStreamContext, batch: Batch) -> None:
    """Take a batch off the bus and say that it is stored, as the stages would."""
    durable = durables.EMBEDDING_READS_BATCHES
    name = batch.descriptor.collection
    reader = await js.pull_subscribe_bind(durable.name(name), durable.stream)
    (message,) = await reader.fetch(1)
    stored = WritingSettled(
        id="settled",
        dataset_version=1,
        collection=name,
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        batches=(
            SettledBatch(
                batch_id=batch.descriptor.batch_id,
                source_id=batch.descriptor.source_id,
                source_version=batch.descriptor.source_version,
                verdict="stored",
                records=batch.rows.num_rows,
                checksum="0" * 32,
            ),
        ),
    )
    await js.publish(WRITING_SETTLED.subject(name), stored.model_dump_json().encode())
    reads = durables.PROJECTION_READS_SETTLED
    projection = await js.pull_subscribe_bind(reads.name(name), reads.stream)
    (told,) = await projection.fetch(1)
    await told.ack()
    await message.ack()
    await reader.unsubscribe()
    await projection.unsubscribe()
