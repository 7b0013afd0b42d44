"""A collection whose embedding server is silent, beside another in the same process."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
from nats.js import JetStreamContext
from starlette.responses import Response

from services.embedding.app import EmbeddingServers
from services.embedding.settings import EmbeddingSection
from services.embedding.subscribers import build_router
from shared.bus.broker import build_bus
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.topology import apply_topology
from shared.contracts.batches import ARROW, encode
from shared.settings import NatsSection
from tests.builders import batch
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.integration
BATCHES = 12


class Scripted(EmbeddingServer):
    """Accepts every request and answers none until it is told to."""

    def __init__(self, fake: FakeEmbedder) -> None:
        super().__init__(fake)
        self.speaks = asyncio.Event()
        self.asked = 0

    async def _answer(self, texts: list[str]) -> np.ndarray | Response:
        self.asked += 1
        await self.speaks.wait()
        return await super()._answer(texts)


async def test_a_silent_server_holds_up_the_collections_that_ask_it_and_no_others(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    await apply_topology(js, ["sick", "well"])
    silent = Scripted(FakeEmbedder(dimension=3))
    async with AsyncExitStack() as stack:
        well_url = await stack.enter_async_context(EmbeddingServer(FakeEmbedder()).running())
        sick_url = await stack.enter_async_context(silent.running())
        section = EmbeddingSection.model_validate(
            {
                "url": well_url,
                "requests_in_flight": 1,
                "collections": [{"collection": "sick", "url": sick_url}],
            }
        )
        servers = EmbeddingServers(section)
        await stack.enter_async_context(servers.opened(tmp_path))
        bus = build_bus(NatsSection(url=server.url), "embedding")
        stack.push_async_callback(bus.close)
        routers = [
            build_router(bus.settler, name, encoder=servers.encoder(name), concurrency=4)
            for name in ("sick", "well")
        ]
        stack.callback(silent.speaks.set)
        await stack.enter_async_context(bus.consuming(routers))

        await send(js, "sick")
        await until(lambda: silent.asked > 0)
        await send(js, "well")
        await until(lambda: embedded(js, "well", BATCHES))
        assert not await embedded(js, "sick", 1)
        silent.speaks.set()
        await until(lambda: embedded(js, "sick", BATCHES))


async def send(js: JetStreamContext, collection: str) -> None:
    for number in range(BATCHES):
        one = batch((f"text {number}",), batch_id=f"{collection}-{number}")
        descriptor = one.descriptor.model_copy(update={"collection": collection})
        body = encode(type(one)(descriptor, one.rows))
        await js.publish(
            DISCOVERY_BATCH.subject(collection), body, headers={"content-type": ARROW}
        )


async def embedded(js: JetStreamContext, collection: str, count: int) -> bool:
    subject = f"embedding.batch.{collection}"
    info = await js.stream_info("EMBEDDING", subjects_filter=subject)
    return (info.state.subjects or {}).get(subject, 0) >= count
