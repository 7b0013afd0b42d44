"""A message that ends every process that has it in hand is given up; those beside it are not."""

import asyncio
import sys
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from shared.bus.consuming.delivery import RetryPolicy
from shared.bus.messages.outgoing import outgoing_batch
from shared.bus.registry.batches import DISCOVERY_BATCH, EMBEDDING_BATCH
from shared.bus.registry.channel import Channel
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES, PROJECTION_READS_BATCHES, Durable
from tests.builders import batch
from tests.nats_server import NatsServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]
DEATHS = RetryPolicy().max_deaths
BESIDE = 6


async def deliver_again_soon(js: JetStreamContext, durable: Durable) -> None:
    """But not while the same process still has it in hand."""
    info = await js.consumer_info(durable.stream, durable.name("default"))
    await js.add_consumer(durable.stream, info.config.evolve(ack_wait=3.0))


async def messages(js: JetStreamContext, stream: str) -> int:
    return (await js.stream_info(stream)).state.messages


@pytest.mark.parametrize(
    ("way", "durable", "channel"),
    [
        ("each", EMBEDDING_READS_BATCHES, DISCOVERY_BATCH),
        ("together", PROJECTION_READS_BATCHES, EMBEDDING_BATCH),
    ],
)
async def test_a_message_that_ends_the_process_is_buried_with_the_reason(
    server: NatsServer,
    js: JetStreamContext,
    tmp_path: Path,
    way: str,
    durable: Durable,
    channel: Channel,
) -> None:
    await deliver_again_soon(js, durable)
    for number in range(BESIDE):
        texts = ("poison", "poison") if number == BESIDE // 2 else ("fine",)
        sent = outgoing_batch(channel, batch(texts, batch_id=f"batch-{number}"))
        subject = channel.subject("default")
        headers = {**sent.headers, "Nats-Msg-Id": sent.message_id}
        await js.publish(subject, sent.body, headers=headers)

    starts = 0
    async with asyncio.timeout(350):
        while await messages(js, durable.stream):
            starts += 1
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.integration.deadly", server.url, str(tmp_path), way,
                cwd=ROOT,
            )  # fmt: skip
            while process.returncode is None and await messages(js, durable.stream):
                await asyncio.sleep(0.05)
            if process.returncode is None:
                process.terminate()
            await process.wait()

    assert starts == DEATHS + 1
    assert await messages(js, "DEAD_LETTERS") == 1
    letter = await js.get_last_msg("DEAD_LETTERS", "dead.embedding.default")
    told = letter.headers
    assert told["mapstream-reason"] == f"ended the process {DEATHS} times"
    # From the headers of the message: its body was not looked into once more.
    assert told["mapstream-batch-id"] == f"batch-{BESIDE // 2}"
    assert (told["mapstream-records"], told["mapstream-source-id"]) == ("2", "source-0")
    assert b"poison" in letter.data
