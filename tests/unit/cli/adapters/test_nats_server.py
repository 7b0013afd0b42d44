"""The private server of a run, with the real program."""

import asyncio
import os
from pathlib import Path

import nats
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.cli.adapters.nats_server import (
    address,
    new_password,
    program,
    quoted,
    with_password,
    write_config,
)
from services.cli.adapters.processes import Ended, Process
from services.cli.domain.restarts import RestartPause
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration
PASSWORD = new_password()


def let_in(url: str) -> str:
    return with_password(url, PASSWORD)


async def test_a_killed_server_comes_back_on_the_same_port_with_its_streams(
    tmp_path: Path,
) -> None:
    """Services know the port from their start; another one would cut them off for ever."""
    folder = tmp_path / "a folder" / "nats"
    restarts: list[Ended] = []
    server = Process(
        "nats-server",
        [program(), "-c", str(write_config(folder, -1, password=PASSWORD))],
        dict(os.environ),
        tmp_path / "nats-server.log",
        lambda ended, _pause_s: restarts.append(ended),
        RestartPause(first_s=0.05),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(server.supervise())
        url = await address(folder, server, password=PASSWORD)
        client = await nats.connect(
            let_in(url), max_reconnect_attempts=-1, reconnect_time_wait=0.05
        )
        await client.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await client.jetstream().publish("kept", b"word")

        assert server.running
        server.running.kill()
        await until(lambda: restarts and client.stats["reconnects"] and client.is_connected)
        kept = await client.jetstream(timeout=PATIENCE_S).get_last_msg("KEPT", "kept")
        connected = client.connected_url
        await client.close()
        await server.stop(5)

    assert kept.data == b"word"
    assert connected
    assert connected.netloc.rsplit("@", 1)[-1] == url.removeprefix("nats://")
    assert len(restarts) == 1


async def test_two_runs_get_different_ports(tmp_path: Path) -> None:
    servers, urls = [], []
    async with asyncio.TaskGroup() as group:
        for name in ("one", "two"):
            command = [program(), "-c", str(write_config(tmp_path / name, -1, password=PASSWORD))]
            log = tmp_path / f"{name}.log"
            servers.append(Process(name, command, dict(os.environ), log, lambda *_: None))
            group.create_task(servers[-1].supervise())
            urls.append(await address(tmp_path / name, servers[-1], password=PASSWORD))
        for server in servers:
            await server.stop(5)

    assert len(set(urls)) == 2


@pytest.mark.parametrize(
    "name",
    [
        "données",
        "a b",
        " lead and trail ",
        "q\"uo'te \\ back",
        "#hash $HOME ${A} %25 ? &",
        "[1]{2}(3),;=:@",
        "new\nline\ttab\r",
        "true",
        "8MB",
        "\u2028\U0001f600",
        "\x01\x1b[31m",
        os.fsdecode(b"no utf-8 \xff\xfe\xe9"),
    ],
    ids=ascii,
)
async def test_every_name_that_a_folder_may_have_is_taken(name: str, tmp_path: Path) -> None:
    """It is asked for a stream: its store is where the configuration says, not beside it."""
    folder = tmp_path / name / "nats"
    command = [program(), "-c", str(write_config(folder, -1, password=PASSWORD))]
    server = Process(
        "nats-server", command, dict(os.environ), tmp_path / "log", lambda *_: None,
        RestartPause(short_lives=1),
    )  # fmt: skip
    async with asyncio.TaskGroup() as group:
        group.create_task(server.supervise())
        url = await address(folder, server, password=PASSWORD)
        client = await nats.connect(let_in(url), connect_timeout=PATIENCE_S)
        await client.jetstream(timeout=PATIENCE_S).add_stream(name="KEPT", subjects=["kept"])
        await client.close()
        await server.stop(5)

    assert [one.name for one in tmp_path.iterdir()] in ([name, "log"], ["log", name])
    assert (folder / "store" / "jetstream" / "$G" / "streams" / "KEPT").is_dir()


async def test_only_who_knows_the_password_is_let_in(tmp_path: Path) -> None:
    """On loopback every user of the machine could read and steer the run."""
    config = write_config(tmp_path, -1, password=PASSWORD)
    server = Process(
        "nats-server", [program(), "-c", str(config)], dict(os.environ), tmp_path / "log",
        lambda *_: None,
    )  # fmt: skip
    refusals: list[str] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(server.supervise())
        url = await address(tmp_path, server, password=PASSWORD)
        for stranger in (url, with_password(url, "guessed")):
            client = Client()
            with pytest.raises(NatsError) as refused:
                await client.connect(stranger, allow_reconnect=False, max_reconnect_attempts=1)
            await client.close()
            refusals.append(str(refused.value).casefold())
        client = await nats.connect(let_in(url), connect_timeout=PATIENCE_S)
        await client.close()
        await server.stop(5)

    assert PASSWORD not in url
    assert config.stat().st_mode & 0o777 == 0o600
    assert all("authorization" in one for one in refusals), refusals


@given(name=st.binary(min_size=1))
def test_a_quoted_path_is_plain_text_that_says_every_byte(name: bytes) -> None:
    written = quoted(Path(os.fsdecode(name)))

    assert written.isascii()
    assert written.isprintable()
    told = written.removeprefix('"').removesuffix('"').encode().decode("unicode_escape")
    assert told.encode("latin-1") == os.fsencode(Path(os.fsdecode(name)))
