"""Discovery reads what somebody has handed in, over the real server."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from services.discovery.app import DURABLES, Discovery
from services.discovery.settings import Settings
from shared.blobs.folder import FolderBlobs
from shared.bus.asking import ask
from shared.bus.broker import build_bus
from shared.bus.registry.questions import SOURCES_LIST
from shared.bus.request import AnswersOnTheBus, CommandSender, request
from shared.contracts.base import Command, Event
from shared.contracts.batches import decode
from shared.contracts.collections import CollectionChanged
from shared.contracts.commands import Create, Delete, Forget
from shared.contracts.source_list import ListSources, SourceRow
from shared.contracts.sources import SourceRejected
from shared.contracts.uploads import SourceUploaded, Upload
from tests.assigned import at_work
from tests.blobs import put
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration
CSV = b"name,note\nAda,first\nGrace,second\n"


@pytest.fixture
async def client(server: NatsServer, js: JetStreamContext) -> AsyncIterator[Client]:
    del js  # the streams must exist first
    connected = await nats.connect(server.url)
    yield connected
    await connected.close()


async def give(client: Client, name: str, command: Command) -> Event | None:
    answer = await request(
        command.model_copy(update={"correlation_id": uuid4().hex}),
        name,
        sender=CommandSender(client),
        events=AnswersOnTheBus.of(client, type(command), name),
        timeout_s=PATIENCE_S,
    )
    return answer.event


async def listed(client: Client, name: str) -> list[SourceRow]:
    page = await ask(client, SOURCES_LIST, ListSources(collection=name), wait_s=PATIENCE_S)
    return [*page.items]


@pytest.mark.parametrize("name", ["default", "made"])
async def test_an_uploaded_file_is_sent_to_be_embedded_and_can_be_removed(
    server: NatsServer, client: Client, js: JetStreamContext, tmp_path: Path, name: str
) -> None:
    (tmp_path / "runs").mkdir()
    settings = Settings.load(
        nats={"url": server.url},
        state={"folder": tmp_path / "state"},
        output={"folder": tmp_path / "out"},
        ingestion={"sources": [{"path": tmp_path / "runs"}]},
    )
    bus = build_bus(settings.nats, "discovery")
    await bus.connect()
    blobs = FolderBlobs(tmp_path / "state" / "blobs")
    blob = put(blobs, CSV, "job-1", collection=name)
    wish = Upload(filename="a.csv", blob=blob, job_id="job-1")
    try:
        async with at_work(bus, DURABLES, Discovery(settings, bus).open()):
            if name != "default":
                assert isinstance(await give(client, name, wish), SourceRejected)
                assert isinstance(await give(client, name, Create()), CollectionChanged)
            assert isinstance(await give(client, name, wish), SourceUploaded)

            async def is_sent() -> bool:
                return (await js.stream_info("DISCOVERY")).state.messages > 0

            await until(is_sent)
            (row,) = await listed(client, name)
            assert (row.kind, row.seen) == ("upload", 2)
            (first,) = [await js.get_msg("DISCOVERY", 1)]
            batch = decode(first.data or b"")
            texts = batch.rows.column("text").to_pylist()
            assert texts == ["name: Ada\nnote: first", "name: Grace\nnote: second"]

            missing = await give(client, name, Upload(filename="b.csv", blob="b" * 64, job_id="2"))
            assert isinstance(missing, SourceRejected)
            if name == "default":
                await client.publish(
                    f"command.forget.{name}", Forget(source="a.csv").model_dump_json().encode()
                )
            else:
                await client.publish(f"command.delete.{name}", Delete().model_dump_json().encode())

            await until(lambda: not blobs.path(blob).exists())
    finally:
        await bus.close()
