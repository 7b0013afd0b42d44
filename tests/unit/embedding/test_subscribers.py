"""From the bus to the handler and back, in memory."""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial

from services.embedding.handlers.asking import Encoder
from services.embedding.subscribers import build_router
from shared.bus.messages.outgoing import Outgoing, outgoing_batch
from shared.bus.registry.batches import DISCOVERY_BATCH, EMBEDDING_BATCH
from shared.bus.registry.dead_letters import DEAD_EMBEDDING
from shared.contracts.batches import decode
from tests.builders import batch
from tests.fakes.embedder import FakeEmbedder
from tests.in_memory import InMemory, in_memory


def running(mind: FakeEmbedder) -> AbstractAsyncContextManager[InMemory]:
    encoder = Encoder(mind, asyncio.Semaphore(1))
    return in_memory(
        "embedding", partial(build_router, collection="default", encoder=encoder, concurrency=1)
    )


async def test_a_batch_comes_back_with_its_vectors() -> None:
    async with running(FakeEmbedder()) as service:
        await service.deliver(outgoing_batch(DISCOVERY_BATCH, batch(("one", "two"))))

    (message,) = service.publisher.published
    assert message.channel == EMBEDDING_BATCH
    assert decode(message.body).vectors.shape == (2, FakeEmbedder().dimension)


async def test_a_letter_goes_before_the_batch_that_lacks_its_record() -> None:
    async with running(FakeEmbedder(poison=["two"])) as service:
        await service.deliver(outgoing_batch(DISCOVERY_BATCH, batch(("one", "two"))))

    channels = [one.channel for one in service.publisher.published]
    assert channels == [DEAD_EMBEDDING, EMBEDDING_BATCH]


async def test_what_is_no_batch_is_buried() -> None:
    async with running(FakeEmbedder()) as service:
        await service.deliver(Outgoing(DISCOVERY_BATCH, "default", "x", b"no batch"))

    (letter,) = service.publisher.published
    assert letter.channel == DEAD_EMBEDDING
    assert letter.body == b"no batch"


async def test_another_collection_is_not_meant() -> None:
    async with running(FakeEmbedder()) as service:
        await service.deliver(Outgoing(DISCOVERY_BATCH, "other", "x", b""))

    assert service.publisher.published == []
