"""A single server becomes a cluster of three and back: nothing is lost, nothing comes twice."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from services.cli.adapters.ports import kept_port
from shared.bus.reading.snapshots import import_stream
from shared.bus.registry.batches import DISCOVERY_BATCH, PROJECTION_BATCH
from shared.bus.registry.dead_letters import DEAD_WRITING
from shared.bus.registry.durables import (
    DISCOVERY_READS_DEAD_LETTERS,
    EMBEDDING_READS_BATCHES,
    WRITING_READS_PROJECTION,
    Durable,
)
from shared.bus.registry.streams import STREAMS
from shared.bus.topology import apply_topology, wait_for_durables
from shared.errors import ConfigurationError, MapstreamError, TransientError
from tests.nats_server import NatsServer, SecuredNatsServer
from tests.waiting import PATIENCE_S

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
SENT, SETTLED = 12, 5
PLACES = {
    EMBEDDING_READS_BATCHES: DISCOVERY_BATCH,
    WRITING_READS_PROJECTION: PROJECTION_BATCH,
    DISCOVERY_READS_DEAD_LETTERS: DEAD_WRITING,
}
"""A durable consumer of each kind of stream: a queue, one kept while there is interest, and one
that drops its oldest."""


class Member(NatsServer):
    """One of several servers."""

    def __init__(self, folder: Path, port: int, own: int, routes: Sequence[int]) -> None:
        super().__init__(folder, port=port)
        self._cluster = (
            f"server_name: {folder.name}\ncluster {{ name: mapstream\n"
            f'listen: "127.0.0.1:{own}"\n'
            f"routes: [{', '.join(f'nats-route://127.0.0.1:{one}' for one in routes)}] }}\n"
        )

    def _config(self) -> str:
        return super()._config() + self._cluster


@asynccontextmanager
async def cluster(*folders: Path) -> AsyncIterator[list[Member]]:
    """Run three servers that keep copies."""
    with (
        kept_port() as one, kept_port() as two, kept_port() as three,
        kept_port() as a, kept_port() as b, kept_port() as c,
    ):  # fmt: skip
        routes = (a, b, c)
        ports = zip(folders, (one, two, three), routes, strict=True)
        members = [Member(folder, port, own, routes) for folder, port, own in ports]
        try:
            for member in members:
                await member.start()
            yield members
        finally:
            for member in members:
                await member.stop()


@asynccontextmanager
async def single(folder: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(folder)
    try:
        yield await server.start()
    finally:
        await server.stop()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    client = await nats.connect(url, connect_timeout=PATIENCE_S)
    try:
        yield client
    finally:
        await client.close()


async def mapstream(*words: str, **variables: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *words,
        env=os.environ | {"COLUMNS": "200"} | variables,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await process.communicate()
    return process.returncode or 0, told.decode()


async def done(*words: str) -> str:
    code, told = await mapstream(*words)
    assert code == 0, told
    return told


async def settle(client: Client, durable: Durable, taken: dict[int, bool], number: int) -> None:
    """Take messages of a durable consumer until there are so many; acknowledge them.

    Of each it is noted whether the server has confirmed that: one that is going down may not.
    """
    js = client.jetstream(timeout=PATIENCE_S)
    reader = await js.pull_subscribe_bind(durable.name("default"), durable.stream)
    async with asyncio.timeout(PATIENCE_S):
        while len(taken) < number:
            try:
                for message in await reader.fetch(number - len(taken), timeout=5):
                    body = number_of(message.data)
                    assert not taken.get(body), "it comes twice"
                    taken[body] = False
                    await message.ack_sync(timeout=5)
                    taken[body] = True
            except (NatsError, TimeoutError):  # another server becomes the leader
                await asyncio.sleep(0.2)
    await reader.unsubscribe()


async def until_all_are_led(url: str) -> None:
    """Wait until every stream and every consumer answers, with copies on all servers."""
    async with connected(url) as client, asyncio.timeout(PATIENCE_S):
        js = client.jetstream(timeout=2)
        for stream in STREAMS:
            while not await is_whole(js, stream.name):
                await asyncio.sleep(0.2)


async def is_whole(js: JetStreamContext, name: str) -> bool:
    try:
        cluster = (await js.stream_info(name)).cluster
        await js.consumers_info(name)
    except (NatsError, TimeoutError):
        return False
    return bool(cluster and cluster.leader) and all(one.current for one in cluster.replicas or ())


async def fill(client: Client) -> None:
    js = client.jetstream(timeout=PATIENCE_S)
    for channel in PLACES.values():
        for number in range(SENT):
            body = b"%d " % number + os.urandom(100_000)  # several parts of a copy
            await js.publish(channel.subject("default"), body)


def number_of(body: bytes) -> int:
    return int(body.split(b" ", 1)[0])


async def test_everything_moves_to_a_cluster_and_back(tmp_path: Path) -> None:
    read: dict[Durable, dict[int, bool]] = {durable: {} for durable in PLACES}
    async with single(tmp_path / "alone") as server:
        async with connected(server.url) as client:
            await apply_topology(client.jetstream(timeout=PATIENCE_S), ["default"])
            await fill(client)
            for durable in PLACES:
                await settle(client, durable, read[durable], SETTLED)
        await done("streams", "export", str(tmp_path / "first"), "--url", server.url)

    async with cluster(*(tmp_path / name for name in ("n1", "n2", "n3"))) as members:
        url = members[0].url
        await done("streams", "import", str(tmp_path / "first"), "--url", url, "--replicas", "3")
        again = await done(
            "streams", "import", str(tmp_path / "first"), "--url", url, "--replicas", "3"
        )
        async with connected(url) as client:
            js = client.jetstream(timeout=PATIENCE_S)
            copies = {one.name: (await js.stream_info(one.name)).config for one in STREAMS}
            await members[2].kill()
            for durable in PLACES:
                await settle(client, durable, read[durable], 2 * SETTLED)
        await members[2].start()
        await until_all_are_led(url)
        await done("streams", "export", str(tmp_path / "second"), "--url", url)

    async with single(tmp_path / "alone again") as server:
        await done("streams", "import", str(tmp_path / "second"), "--url", server.url)
        async with connected(server.url) as client:
            for durable in PLACES:
                await settle(client, durable, read[durable], SENT)
            js = client.jetstream(timeout=PATIENCE_S)
            left = await js.stream_info(DEAD_WRITING.stream)

    assert {config.num_replicas for config in copies.values()} == {3}
    assert "messages" not in again
    assert {one: sorted(taken) for one, taken in read.items()} == {
        durable: list(range(SENT)) for durable in PLACES
    }
    assert (left.state.messages, left.state.last_seq) == (SENT, SENT)


async def test_nothing_is_declared_beside_the_store_of_a_single_server(tmp_path: Path) -> None:
    """Its streams would begin empty on the others, which then empty its own at once.

    The servers themselves remove them 30 seconds after their start.
    """
    async with single(tmp_path / "n1") as server, connected(server.url) as client:
        await apply_topology(client.jetstream(timeout=PATIENCE_S), ["default"])
        await fill(client)

    async with cluster(*(tmp_path / name for name in ("n1", "n2", "n3"))) as members:
        for one in members:
            async with connected(one.url) as client:
                assert "Stop it now" in await refusal(client)
                assert await client.jetstream(timeout=PATIENCE_S).streams_info() == []


async def refusal(client: Client) -> str:
    """Declare the streams as soon as the servers have a leader; return why that is refused."""
    while True:
        try:
            js = client.jetstream(timeout=1.0)
            await apply_topology(js, ["default"], replicas=3, is_clustered=True)
        except TransientError:
            continue
        except ConfigurationError as error:
            return str(error)
        return "it was not refused"


class ToldError(MapstreamError):
    """Ends a wait that is for ever."""


async def test_servers_without_a_leader_are_called_that(tmp_path: Path) -> None:
    """Not a stream that is missing: to declare it again is no remedy."""
    reasons: list[str] = []

    def note(reason: str) -> None:
        reasons.append(reason)
        raise ToldError

    async with (
        cluster(*(tmp_path / name for name in ("n1", "n2", "n3"))) as members,
        connected(members[0].url) as client,
    ):
        js = client.jetstream(timeout=2)
        await apply_topology(js, ["default"], replicas=3, is_clustered=True)
        await members[1].kill()
        await members[2].kill()
        async with asyncio.timeout(PATIENCE_S):
            while await has_leader(js):
                await asyncio.sleep(0.2)
        with pytest.raises(TransientError, match="no leader"):
            await apply_topology(js, ["default"])
        with pytest.raises(ToldError):
            await wait_for_durables(js, PLACES, ["other"], on_missing=note)

    assert "no leader" in reasons[0]
    assert "streams apply" not in reasons[0]


async def has_leader(js: JetStreamContext) -> bool:
    try:
        await js.account_info()
    except (NatsError, TimeoutError):
        return False
    return True


async def test_an_export_and_an_import_are_all_or_nothing(tmp_path: Path) -> None:
    folder = str(tmp_path / "copy")
    durable = EMBEDDING_READS_BATCHES
    async with single(tmp_path / "alone") as server, connected(server.url) as client:
        js = client.jetstream(timeout=PATIENCE_S)
        await apply_topology(js, ["default"])
        reader = await js.pull_subscribe_bind(durable.name("default"), durable.stream)
        waiting = asyncio.ensure_future(reader.fetch(1, timeout=PATIENCE_S))
        at_work = await mapstream("streams", "export", folder, "--url", server.url)
        waiting.cancel()
        await reader.unsubscribe()

        again = await mapstream("streams", "export", str(tmp_path / "copy-2"), "--url", server.url)
        await js.publish(DISCOVERY_BATCH.subject("default"), b"newer")
        with pytest.raises(TransientError, match="already in use"):
            await import_stream(client, DISCOVERY_BATCH.stream, tmp_path / "copy-2", replicas=1)
        kept = (await js.stream_info(DISCOVERY_BATCH.stream)).state.messages
        replaced = await mapstream(
            "streams", "import", str(tmp_path / "copy-2"), "--url", server.url
        )
        (tmp_path / "copy-2" / "streams.json").unlink()
        cut_off = await mapstream(
            "streams", "import", str(tmp_path / "copy-2"), "--url", server.url
        )
        used = await mapstream("streams", "export", str(tmp_path / "copy-2"), "--url", server.url)

    (tmp_path / "copy-2" / "EVENTS.tar.s2").unlink()
    (tmp_path / "copy-2" / "streams.json").write_text('["EVENTS"]')
    async with single(tmp_path / "empty") as server:
        robbed = await mapstream(
            "streams", "import", str(tmp_path / "copy-2"), "--url", server.url
        )

    assert (at_work[0], again[0], replaced[0], cut_off[0], used[0]) == (2, 0, 2, 2, 2)
    assert robbed[0] == 2
    assert "EVENTS.tar.s2: cannot be read: No such file" in robbed[1]
    assert "Traceback" not in robbed[1]
    assert kept == 1
    assert "services are at work" in at_work[1]
    assert "the server has a stream DISCOVERY with 1 messages, 0 are to be imported" in replaced[1]
    assert "no complete export" in cut_off[1]
    assert "is not empty" in used[1]
    assert (tmp_path / "copy-2").stat().st_mode & 0o077 == 0


async def test_who_declares_streams_may_move_them_and_nobody_else(tmp_path: Path) -> None:
    told: dict[str, tuple[int, str]] = {}
    folder = str(tmp_path / "copy")
    for name, user, word in (
        ("old", "operator", "export"), ("old", "streams", "export"), ("new", "streams", "import"),
    ):  # fmt: skip
        server = SecuredNatsServer(tmp_path / name)
        await server.start()
        who = {
            "MAPSTREAM_NATS__USER": user,
            "MAPSTREAM_NATS__PASSWORD": server.passwords[user],
            "MAPSTREAM_NATS__URL": server.url,
        }
        try:
            if word == "export" and user == "streams":
                client = await server.client(user)
                await apply_topology(client.jetstream(timeout=PATIENCE_S), ["default"])
                await client.close()
            told[f"{user} {word}"] = await mapstream("streams", word, folder, **who)
        finally:
            await server.stop()

    assert told["operator export"][0] == 2, told
    assert "may not declare streams" in told["operator export"][1]
    assert told["streams export"][0] == 0, told
    assert told["streams import"][0] == 0, told
