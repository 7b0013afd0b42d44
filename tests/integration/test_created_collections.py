"""Discovery makes collections while it runs, over the real server."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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
from shared.bus.request import AnswersOnTheBus, CommandSender, request
from shared.contracts.batches import Batch, decode
from shared.contracts.collections import CollectionChanged
from shared.contracts.commands import Create, NamedSource, Rename
from shared.contracts.sources import SourceRejected
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
    async def start(**trigger: Any) -> AsyncIterator[None]:
        (tmp_path / "runs").mkdir(exist_ok=True)
        settings = Settings.load(
            nats={"url": server.url},
            state={"folder": tmp_path / "state"},
            output={"folder": tmp_path / "out"},
            ingestion={
                "sources": [{"path": tmp_path / "runs"}],
                "allowed_roots": [tmp_path / "data"],
                "trigger": {"debounce_s": 0.05, "rescan_interval_s": 3600} | trigger,
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


async def _has(js: JetStreamContext, name: str, count: int) -> bool:
    return len(await sent(js, name)) == count


async def test_consumers_that_are_missing_are_made_at_the_start_and_the_others_stay(
    js: JetStreamContext, client: Client, run: Run
) -> None:
    async with run():
        await give(client, "mine", Create())
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


async def test_where_no_consumer_more_is_allowed_the_command_says_so_and_leaves_nothing(
    js: JetStreamContext, client: Client, run: Run
) -> None:
    config = (await js.stream_info("PROJECTION")).config
    async with run():
        await js.update_stream(config, max_consumers=1)
        refused = await give(client, "mine", Create())
        left = await CollectionBook(client).find("mine")
        gone = await missing(js, "mine")
        await js.update_stream(config, max_consumers=-1)
        made = await give(client, "mine", Create())

    assert isinstance(refused, SourceRejected)
    assert "the bus takes no further collection" in refused.reason
    assert left is None
    assert len(gone) == len(OF_COLLECTIONS)
    assert isinstance(made, CollectionChanged)
