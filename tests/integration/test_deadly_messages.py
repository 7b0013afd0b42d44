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
from tests.integration.deadly import AWAY, WAITING
from tests.nats_server import NatsServer
from tests.waiting import until

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


async def send(js: JetStreamContext, channel: Channel, poisonous: int | None = None) -> None:
    for number in range(BESIDE):
        texts = ("poison", "poison") if number == poisonous else ("fine",)
        sent = outgoing_batch(channel, batch(texts, batch_id=f"batch-{number}"))
        headers = {**sent.headers, "Nats-Msg-Id": sent.message_id}
        await js.publish(channel.subject("default"), sent.body, headers=headers)


async def start(server: NatsServer, folder: Path, way: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.deadly", server.url, str(folder), way, cwd=ROOT
    )


async def start_until_drained(
    server: NatsServer, js: JetStreamContext, folder: Path, way: str, durable: Durable
) -> int:
    """Start a service again and again until its stream is empty; return how often."""
    starts = 0
    async with asyncio.timeout(350):
        while await messages(js, durable.stream):
            starts += 1
            process = await start(server, folder, way)
            while process.returncode is None and await messages(js, durable.stream):
                await asyncio.sleep(0.05)
            if process.returncode is None:
                process.terminate()
            await process.wait()
    return starts


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
    await send(js, channel, poisonous=BESIDE // 2)

    starts = await start_until_drained(server, js, tmp_path, way, durable)

    # The first time it may have been in hand with others.
    assert starts - 1 in {DEATHS, DEATHS + 1}
    assert await messages(js, "DEAD_LETTERS") == 1
    letter = await js.get_last_msg("DEAD_LETTERS", "dead.embedding.default")
    told = letter.headers
    assert told["mapstream-reason"] == f"ended the process {DEATHS} times"
    # From the headers of the message: its body was not looked into once more.
    assert told["mapstream-batch-id"] == f"batch-{BESIDE // 2}"
    assert (told["mapstream-records"], told["mapstream-source-id"]) == ("2", "source-0")
    assert b"poison" in letter.data


async def test_processes_that_ended_of_several_messages_together_bury_none(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    await deliver_again_soon(js, EMBEDDING_READS_BATCHES)
    await send(js, DISCOVERY_BATCH)

    await start_until_drained(server, js, tmp_path, "memory", EMBEDDING_READS_BATCHES)

    assert await messages(js, "DEAD_LETTERS") == 0


async def test_processes_that_were_killed_in_an_outage_bury_none(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    """The one message is alone in hand each time, and only waits."""
    await deliver_again_soon(js, EMBEDDING_READS_BATCHES)
    await js.publish("discovery.batch.default", b"fine")
    (tmp_path / AWAY).touch()
    for _ in range(DEATHS + 1):
        (tmp_path / WAITING).unlink(missing_ok=True)
        process = await start(server, tmp_path, "outage")
        await until((tmp_path / WAITING).exists)
        process.kill()
        await process.wait()
    (tmp_path / AWAY).unlink()

    starts = await start_until_drained(server, js, tmp_path, "outage", EMBEDDING_READS_BATCHES)

    assert (starts, await messages(js, "DEAD_LETTERS")) == (1, 0)
