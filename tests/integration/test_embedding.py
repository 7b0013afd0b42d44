"""The embedding service against the real server and an embedding server over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from services.embedding.adapters.http_client import build_client
from services.embedding.adapters.openai_embedder import OpenaiEmbedder
from services.embedding.adapters.vectors_embedder import VectorsEmbedder
from services.embedding.domain.backoff import Backoff
from services.embedding.domain.vectors import normalise
from services.embedding.handlers.asking import CANARY, Encoder
from services.embedding.subscribers import build_router, known_dimension
from shared.bus.broker import build_bus
from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.durables import (
    EMBEDDING_READS_BATCHES,
)
from shared.bus.registry.projection import PROJECTION_UPDATED
from shared.contracts.batches import ARROW, Batch, decode, embedded_schema, encode, require_columns
from shared.settings import NatsSection
from tests.builders import batch
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

EXAMPLES = Path(__file__).parents[1] / "contract" / "examples"
pytestmark = pytest.mark.integration

Run = Callable[..., AbstractAsyncContextManager[Encoder]]


@pytest.fixture
def mind() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture
def run(server: NatsServer, js: JetStreamContext, mind: FakeEmbedder) -> Run:
    del js  # the streams must exist first

    @asynccontextmanager
    async def start(protocol: str = "openai") -> AsyncIterator[Encoder]:
        policy = RetryPolicy(first_delay_s=0.05, longest_delay_s=0.1)
        bus = build_bus(NatsSection(url=server.url), "embedding", policy=policy)
        async with AsyncExitStack() as stack:
            url = await stack.enter_async_context(EmbeddingServer(mind).running())
            client = build_client(url, api_key=None, timeout_s=PATIENCE_S)
            await stack.enter_async_context(client)
            encoder = Encoder(
                OpenaiEmbedder(client, model="m", max_texts=16)
                if protocol == "openai"
                else VectorsEmbedder(client, model="m"),
                asyncio.Semaphore(4),
                backoff=Backoff(first_s=0.01, longest_s=0.05),
            )
            router = build_router(bus.settler, "default", encoder=encoder, concurrency=4)
            bus.broker.include_router(router)
            stack.push_async_callback(bus.close)
            await stack.enter_async_context(bus.consuming())
            yield encoder

    return start


async def send(js: JetStreamContext, one: Batch) -> None:
    subject = DISCOVERY_BATCH.subject("default")
    await js.publish(subject, encode(one), headers={"content-type": ARROW})


async def settled(js: JetStreamContext) -> None:
    """Wait until all is handled: then the work queue is empty.

    A consumer's own figures lag behind what the stream has stored.
    """

    async def is_empty() -> bool:
        return (await js.stream_info(EMBEDDING_READS_BATCHES.stream)).state.messages == 0

    await until(is_empty)


async def messages(js: JetStreamContext, stream: str) -> list[Msg]:
    state = (await js.stream_info(stream)).state
    numbers = range(state.first_seq, state.last_seq + 1) if state.messages else ()
    return [await js.get_msg(stream, number) for number in numbers]


def texts_of(message: Msg) -> list[str]:
    return decode(message.data).rows["text"].to_pylist()


@pytest.mark.parametrize("protocol", ["openai", "vectors"])
async def test_a_batch_comes_out_with_its_vectors(
    js: JetStreamContext, run: Run, mind: FakeEmbedder, protocol: str
) -> None:
    sent = batch(tuple(f"text {number} ü" for number in range(40)))
    async with run(protocol):
        await send(js, sent)
        await settled(js)

    (message,) = await messages(js, "EMBEDDING")
    got = decode(message.data)
    require_columns(got.rows, embedded_schema(4))
    expected = np.stack([mind.vector(text) for text in texts_of(message)])
    assert np.array_equal(got.vectors, normalise(expected))
    assert got.rows.select(sent.rows.schema.names).equals(sent.rows)
    assert got.descriptor.embedder == "m"
    assert message.headers["Nats-Msg-Id"] == "embedding:batch-0"
    assert message.headers["ce-type"] == "mapstream.embedding.batch"


async def test_a_repeated_batch_comes_out_once(js: JetStreamContext, run: Run) -> None:
    async with run():
        for _ in range(3):
            await send(js, batch())
        await settled(js)

    assert len(await messages(js, "EMBEDDING")) == 1


async def test_a_poisonous_record_is_dead_with_its_place_and_the_others_go_on(
    js: JetStreamContext, run: Run, mind: FakeEmbedder
) -> None:
    mind.poison.add("bad")
    async with run() as encoder:
        await send(js, batch(("a", "b", "bad", "c"), filename="rüns/a.jsonl"))
        await send(js, batch(("d",), batch_id="batch-1"))
        await settled(js)

        assert (encoder.health.texts, encoder.health.rejected) == (4, 1)
    found = {tuple(texts_of(message)) for message in await messages(js, "EMBEDDING")}
    assert found == {("a", "b", "c"), ("d",)}
    (letter,) = await messages(js, "DEAD_LETTERS")
    assert letter.subject == "dead.embedding.default"
    assert texts_of(letter) == ["bad"]
    headers = letter.headers
    assert headers["mapstream-file"] == "r\\xfcns/a.jsonl"
    assert (headers["mapstream-line"], headers["mapstream-byte-offset"]) == ("3", "200")
    assert headers["mapstream-batch-id"] == "batch-0"
    assert (
        headers["mapstream-record-id"]
        == batch(("a", "b", "bad"), filename="rüns/a.jsonl").rows["id"][2].as_py()
    )
    assert "answered 400" in headers["mapstream-reason"]
    assert headers["mapstream-records"] == "1"


@pytest.mark.parametrize("sickness", ["away", "failing", "refusing"])
async def test_through_an_outage_everything_is_kept_and_comes_out_afterwards(
    js: JetStreamContext, run: Run, mind: FakeEmbedder, sickness: str
) -> None:
    match sickness:
        case "away":
            mind.outages = 1_000_000
        case "failing":
            mind.ambiguous = 1_000_000
        case _:
            mind.poison |= {"hello", "world", CANARY}
    async with run() as encoder:
        for number in range(3):
            await send(js, batch(batch_id=f"batch-{number}"))
        await until(lambda: len(mind.requests) >= 20 and encoder.health.blocked)
        assert await messages(js, "EMBEDDING") == []
        mind.outages = mind.ambiguous = 0
        mind.poison.clear()
        await settled(js)

        assert encoder.health.blocked is None
    assert len(await messages(js, "EMBEDDING")) == 3
    assert await messages(js, "DEAD_LETTERS") == []


async def test_a_batch_that_cannot_be_read_is_dead_and_the_next_goes_on(
    js: JetStreamContext, run: Run
) -> None:
    short = batch()
    short = Batch(short.descriptor, short.rows.drop_columns(["line"]))
    async with run():
        await js.publish("discovery.batch.default", b"not arrow")
        await send(js, short)
        await send(js, batch(batch_id="batch-1"))
        await settled(js)

    assert len(await messages(js, "EMBEDDING")) == 1
    reasons = [m.headers["mapstream-reason"] for m in await messages(js, "DEAD_LETTERS")]
    assert any("not an Arrow stream" in reason for reason in reasons)
    assert any("no column 'line'" in reason for reason in reasons)
    assert len(reasons) == 2


async def test_replicas_share_the_work(js: JetStreamContext, run: Run) -> None:
    async with run() as one, run() as other:
        for number in range(30):
            await send(js, batch(batch_id=f"batch-{number}"))
        await settled(js)

        assert one.health.texts + other.health.texts == 60
    assert len(await messages(js, "EMBEDDING")) == 30


async def test_the_dimension_of_a_collection_is_learnt_from_its_last_model(
    js: JetStreamContext,
) -> None:
    """A process that starts while another model answers knows by it that it is another."""
    assert await known_dimension(js, "default") is None
    event = EXAMPLES / "projection.updated" / "v2.json"
    await js.publish(PROJECTION_UPDATED.subject("default"), event.read_bytes())

    assert await known_dimension(js, "default") == 4
    assert await known_dimension(js, "other") is None
