"""A collection is deleted over the real server: stages that answer late, not, or not for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from services.discovery.app import DURABLES, Discovery
from services.discovery.settings import Settings
from shared.bus.asking import ask_all
from shared.bus.broker import Bus, build_bus
from shared.bus.consumers import consumer_config
from shared.bus.purging import purge_collection
from shared.bus.reading.collections import CollectionBook
from shared.bus.registry import durables
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.collections import COLLECTION_CHANGED
from shared.bus.registry.questions import COLLECTIONS_REMOVE
from shared.bus.registry.streams import STREAMS
from shared.bus.request import AnswersOnTheBus, CommandSender, request
from shared.contracts.collections import (
    CollectionChanged,
    CollectionRecord,
    CollectionRemoved,
    RemoveCollection,
)
from shared.contracts.commands import Create, Delete
from shared.contracts.sources import SourceRejected
from shared.errors import TransientError
from shared.removing import CONFIGURED, Removals
from shared.waits import WAITS
from tests.assigned import at_work
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration
OF_COLLECTIONS = [one for one in durables.DURABLES if one.is_per_collection]
STAGES = tuple(COLLECTIONS_REMOVE)
ASKED = RemoveCollection(id="id-of-gone", name="gone")


@pytest.fixture
async def client(server: NatsServer, js: JetStreamContext) -> AsyncIterator[Client]:
    del js  # the streams must exist first
    connected = await nats.connect(server.url)
    yield connected
    await connected.close()


class Stage:
    """A process of a stage, which removes what the test lets it."""

    def __init__(self, bus: Bus, *configured: str) -> None:
        self.bus = bus
        self.removed: list[str] = []
        self.configured = configured
        self.failures: list[Exception] = []
        self.may = asyncio.Event()
        self.may.set()

    async def remove(self, name: str) -> None:
        await self.may.wait()
        if self.failures:
            raise self.failures.pop()
        self.removed.append(name)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Removals]:
        class Assigned:
            async def leave(self, name: str) -> None:
                """It is not worked on."""

        await self.bus.connect()
        removals = Removals(Assigned(), self.remove, self.configured)  # type: ignore[arg-type]
        try:
            async with removals.answering(self.bus):
                yield removals
        finally:
            await self.bus.close()


def stage(server: NatsServer, name: str, *configured: str) -> Stage:
    return Stage(build_bus(Settings.load(nats={"url": server.url}).nats, name), *configured)


@asynccontextmanager
async def discovery(server: NatsServer, folder: Path) -> AsyncIterator[None]:
    settings = Settings.load(
        nats={"url": server.url},
        state={"folder": folder / "state"},
        output={"folder": folder / "out"},
        ingestion={"allowed_roots": [folder], "trigger": {"mode": "poll"}},
    )
    bus = build_bus(settings.nats, "discovery")
    await bus.connect()
    try:
        async with at_work(bus, DURABLES, Discovery(settings, bus).open()):
            yield
    finally:
        await bus.close()


async def give(client: Client, name: str, command: Create | Delete, wait_s: float) -> object:
    answer = await request(
        command.model_copy(update={"correlation_id": f"{name}-{id(command)}"}),
        name,
        sender=CommandSender(client),
        events=AnswersOnTheBus.of(client, type(command), name),
        timeout_s=wait_s,
    )
    return answer.event


async def test_it_is_deleted_when_every_stage_says_so_and_not_before(
    server: NatsServer, js: JetStreamContext, client: Client, tmp_path: Path
) -> None:
    async with discovery(server, tmp_path):
        await give(client, "gone", Create(), PATIENCE_S)
        await give(client, "kept", Create(), PATIENCE_S)
        for name in ("gone", "kept"):
            await CollectionBook(client).wake(name)
            await js.publish(EMBEDDING_BATCH.subject(name), b"in hand")
        async with stage(server, "writing").running(), stage(server, "projection").running():
            nothing = await give(client, "gone", Delete(), 1.0)
            deleting = await CollectionBook(client).find("gone")
            told = await until(waits)
            refused = await give(client, "gone", Create(), PATIENCE_S)
    # It goes on after a restart, and answers whoever asked before.
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(discovery(server, tmp_path))
        for name in STAGES:
            await stack.enter_async_context(stage(server, name).running())
        done = await until(lambda: deleted(client))
        left = await js.stream_info("EMBEDDING", subjects_filter=">")
        again = await give(client, "gone", Delete(), PATIENCE_S)
        without = [await missing(js, name) for name in ("gone", "kept")]
        known = await CollectionBook(client).all()

    assert nothing is None
    assert isinstance(deleting, CollectionRecord)
    assert deleting.state == "deleting"
    assert "embedding does not answer: is it running?" in told
    assert isinstance(refused, SourceRejected)
    assert "is being deleted" in refused.reason
    assert done.correlation_id is not None
    assert done.correlation_id.startswith("gone-")
    assert without == [len(OF_COLLECTIONS), 0]
    assert list(left.state.subjects or {}) == [EMBEDDING_BATCH.subject("kept")]
    assert isinstance(again, SourceRejected)
    assert "was deleted at" in again.reason
    assert [one.name for one in known] == ["default", "kept"]


async def waits() -> str:
    told = [one["reason"] for one in WAITS.told() if one["what"] == "deleting collection gone"]
    return told[0] if told else ""


async def deleted(client: Client) -> CollectionChanged | None:
    try:
        subject = COLLECTION_CHANGED.subject("gone")
        found = await client.jetstream().get_last_msg("EVENTS", subject)
    except NotFoundError:  # what was told before was taken away
        return None
    event = CollectionChanged.model_validate_json(found.data or b"")
    return event if event.record.state == "deleted" else None


async def missing(js: JetStreamContext, name: str) -> int:
    gone = 0
    for one in OF_COLLECTIONS:
        try:
            await js.consumer_info(one.stream, one.name(name))
        except NotFoundError:
            gone += 1
    return gone


async def test_every_process_of_a_stage_is_heard(client: Client, server: NatsServer) -> None:
    first, second = stage(server, "writing"), stage(server, "writing")
    second.may.clear()
    async with first.running(), second.running():

        async def both() -> list[CollectionRemoved]:
            """Ask until both are heard: a subscription may come to the server after a flush."""
            told = await ask_all(client, COLLECTIONS_REMOVE["writing"], ASKED)
            return told if len(told) > 1 else []

        before = await until(both)
        second.may.set()
        after = await until(both)

    assert sorted(one.is_gone for one in before) == [False, True]
    assert [one.is_gone for one in after] == [True, True]
    assert {one.id for one in (*before, *after)} == {"id-of-gone"}


async def test_a_stage_that_is_not_there_is_no_answer(client: Client) -> None:
    with pytest.raises(TransientError, match="writing does not answer: is it running"):
        await ask_all(client, COLLECTIONS_REMOVE["writing"], ASKED)


async def test_what_cannot_be_removed_is_said_and_tried_again(server: NatsServer) -> None:
    process = stage(server, "writing")
    process.failures = [OSError("the disk refuses")]
    async with process.running() as removals:
        refused = await removals.tell(ASKED)
        done = await removals.tell(ASKED)

    assert (refused.is_gone, refused.why_not) == (False, "the disk refuses")
    assert done == CollectionRemoved(id="id-of-gone", is_gone=True)
    assert process.removed == ["gone"]
    assert removals.closed == {"gone"}


async def test_what_the_configuration_names_is_never_removed(server: NatsServer) -> None:
    """The next start would make it anew, before anybody could say that it is deleted."""
    process = stage(server, "writing", "gone")
    async with process.running() as removals:
        refused = await removals.tell(ASKED)

    assert (refused.is_gone, refused.why_not) == (False, CONFIGURED)
    assert process.removed == []
    assert removals.closed == set()


async def test_what_is_of_one_collection_is_taken_out_and_nothing_else(
    js: JetStreamContext, client: Client
) -> None:
    del client
    kept = [one for one in CHANNELS if one.is_command or one.stream == "AUDIT"]
    await declare_consumers_of(js, "gone", "gone-too")
    for channel in CHANNELS:
        for name in ("gone", "gone-too"):
            assert (await js.publish(channel.subject(name), b"x")).stream == channel.stream

    await purge_collection(js, "gone")
    left = await messages(js)
    await purge_collection(js, "gone-too", is_ended=True)
    late = await messages(js)

    assert left == {one.subject("gone-too"): 1 for one in CHANNELS} | {
        one.subject("gone"): 1 for one in kept
    }
    events = [one for one in CHANNELS if one.stream == "EVENTS"]
    assert late == {one.subject(name): 1 for one in kept for name in ("gone", "gone-too")} | {
        one.subject("gone-too"): 1 for one in events
    }


async def declare_consumers_of(js: JetStreamContext, *names: str) -> None:
    """Have what is published to streams of interest kept."""
    for durable in OF_COLLECTIONS:
        for name in names:
            await js.add_consumer(durable.stream, consumer_config(durable, name))


async def messages(js: JetStreamContext) -> dict[str, int]:
    found: dict[str, int] = {}
    for stream in STREAMS:
        info = await js.stream_info(stream.name, subjects_filter=">")
        found |= info.state.subjects or {}
    return found
