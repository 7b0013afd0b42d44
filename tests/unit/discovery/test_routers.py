"""From the bus to the ledger and back, in memory."""

import asyncio
from contextlib import AbstractAsyncContextManager

from faststream.nats import NatsRouter

from services.discovery.handlers.collection_commands import CollectionCommands
from services.discovery.handlers.collections import Collections
from services.discovery.handlers.commands import Carriers, SourceCommands
from services.discovery.handlers.creation import Creation
from services.discovery.handlers.deletion import Deletion
from services.discovery.handlers.jobs import JobCommands
from services.discovery.handlers.ledger import LedgerKeeper
from services.discovery.handlers.replay import ReplayContext
from services.discovery.handlers.reread import SourceRereader
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.subscribers.commands import build_commands_router
from services.discovery.subscribers.ledger import build_ledger_router
from shared.bus.consuming.settling import Settler
from shared.bus.messages.outgoing import Outgoing, outgoing_event
from shared.bus.registry.audit import AUDIT_COMMAND
from shared.bus.registry.collections import COLLECTION_CHANGED
from shared.bus.registry.commands import COMMAND_CREATE, COMMAND_FORGET, COMMAND_RENAME
from shared.bus.registry.dead_letters import DEAD_DISCOVERY
from shared.bus.registry.sources import SOURCE_COMPLETED, SOURCE_REJECTED
from shared.bus.registry.writing import WRITING_SETTLED
from shared.contracts.collections import CollectionChanged, CollectionRecord
from shared.contracts.sources import SourceRejected
from tests.fakes.collection_store import FakeCollectionStore
from tests.fakes.job_store import FakeJobStore
from tests.fakes.letter_box import FakeDeadLetterStore
from tests.fakes.named_folders import FakeNamedFolders
from tests.fakes.remains import FakeRemains
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.fakes.uploads import no_uploads
from tests.in_memory import InMemory, in_memory
from tests.unit.discovery.builders import FrozenClock, final, iteration
from tests.unit.discovery.handlers.test_accounts import commit_of, ingest


def running(
    store: FakeStateStore, collections: FakeCollectionStore | None = None
) -> AbstractAsyncContextManager[InMemory]:
    changed, clock = asyncio.Event(), FrozenClock()
    context = ReplayContext(
        ledger=store,
        store=FakeDeadLetterStore(),
        reread=SourceRereader(FakeSourceRepository(), store, store, FrozenClock()),
        locks=SourceLocks(),
    )
    kept, served = collections or FakeCollectionStore(), ["default"]
    records = Collections(kept, clock)

    async def begin(_: CollectionRecord) -> None:
        """It is taken up a moment later."""

    creation = Creation(records, kept, FakeNamedFolders(), clock, begin)
    leave = FakeNamedFolders().leave
    deletion = Deletion(records, kept, FakeRemains(), clock, configured=["default"], leave=leave)
    whole = CollectionCommands(records, creation, deletion, no_uploads(clock))
    jobs = JobCommands(FakeJobStore(), context.locks, clock, no_uploads(clock).refresh)
    commands = SourceCommands(store, Carriers(context, whole, jobs, served), clock, changed)

    def build(settler: Settler) -> NatsRouter:
        ledger = build_ledger_router(settler, "default", LedgerKeeper(store, clock, changed))
        return NatsRouter(routers=[ledger, build_commands_router(settler, commands)])

    return in_memory("discovery", build)


async def test_what_was_committed_completes_its_source() -> None:
    store = FakeStateStore()
    (batch,) = await ingest(store, iteration(), final())
    async with running(store) as service:
        await service.deliver(outgoing_event(WRITING_SETTLED, commit_of(batch)))

    assert [one.channel for one in service.publisher.published] == [SOURCE_COMPLETED]
    assert store.sources[batch.source_id].status == "completed"


async def test_news_that_cannot_be_read_is_buried() -> None:
    async with running(FakeStateStore()) as service:
        await service.deliver(Outgoing(WRITING_SETTLED, "default", "x", b"{"))

    (letter,) = service.publisher.published
    assert (letter.channel, letter.body) == (DEAD_DISCOVERY, b"{")


async def test_a_command_for_a_collection_that_nobody_serves_is_answered_and_audited() -> None:
    async with running(FakeStateStore()) as service:
        await service.deliver(Outgoing(COMMAND_FORGET, "other", "x", b'{"source": "a.jsonl"}'))

    channels = [one.channel for one in service.publisher.published]
    assert channels == [SOURCE_REJECTED, AUDIT_COMMAND]


async def test_a_collection_is_renamed_and_each_who_asked_is_answered() -> None:
    store = FakeCollectionStore()
    await Collections(store, FrozenClock()).record(["default"])
    body = b'{"title": "T"}'
    async with running(FakeStateStore(), store) as service:
        for number in ("1", "2"):
            await service.deliver(Outgoing(COMMAND_RENAME, "default", number, body))

    published = service.publisher.published
    assert [one.channel for one in published] == [COLLECTION_CHANGED, AUDIT_COMMAND] * 2
    first, second = (CollectionChanged.model_validate_json(one.body) for one in published[::2])
    assert (first.record.title, first.record.revision) == ("T", 2)
    assert second.record == first.record == store.records["default"]
    assert (first.correlation_id, second.correlation_id) == ("1", "2")
    assert first.id != second.id  # or the stream would drop the second answer


async def test_a_collection_that_nobody_serves_is_not_renamed() -> None:
    store = FakeCollectionStore()
    await Collections(store, FrozenClock()).record(["other"])
    async with running(FakeStateStore(), store) as service:
        await service.deliver(Outgoing(COMMAND_RENAME, "other", "1", b'{"title": "T"}'))

    channels = [one.channel for one in service.publisher.published]
    assert channels == [SOURCE_REJECTED, AUDIT_COMMAND]
    assert store.records["other"].revision == 1


async def test_a_collection_is_made_once_whoever_asks_for_it() -> None:
    store = FakeCollectionStore()
    body = b'{"title": "T", "sources": [{"path": "/data/a"}]}'
    async with running(FakeStateStore(), store) as service:
        for number in ("1", "2"):
            await service.deliver(Outgoing(COMMAND_CREATE, "new", number, body))
        await service.deliver(Outgoing(COMMAND_RENAME, "new", "3", b'{"title": "U"}'))

    made, _, refused, _, renamed, _ = service.publisher.published
    assert [made.channel, refused.channel] == [COLLECTION_CHANGED, SOURCE_REJECTED]
    record = CollectionChanged.model_validate_json(made.body).record
    assert (record.title, record.origin, record.revision) == ("T", "command", 1)
    assert [one.path for one in record.sources] == ["/data/a"]
    reason = SourceRejected.model_validate_json(refused.body).reason
    assert reason == "there is a collection 'new' already; choose another name"
    assert renamed.channel == COLLECTION_CHANGED  # it is served at once
    assert store.records["new"].id == record.id


async def test_a_folder_that_may_not_be_read_makes_no_collection() -> None:
    store = FakeCollectionStore()
    body = b'{"sources": [{"path": "/etc"}]}'
    async with running(FakeStateStore(), store) as service:
        await service.deliver(Outgoing(COMMAND_CREATE, "new", "1", body))

    channels = [one.channel for one in service.publisher.published]
    assert channels == [SOURCE_REJECTED, AUDIT_COMMAND]
    assert store.records == {}
