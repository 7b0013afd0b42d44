"""The private server of a run, with the real program."""

import asyncio
import os
from pathlib import Path

import nats
import pytest

from services.cli.adapters.nats_server import address, program, write_config
from services.cli.adapters.processes import Ended, Process
from services.cli.domain.restarts import RestartPause
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration


async def test_a_killed_server_comes_back_on_the_same_port_with_its_streams(
    tmp_path: Path,
) -> None:
    """Services know the port from their start; another one would cut them off for ever."""
    folder = tmp_path / "a folder" / "nats"
    restarts: list[Ended] = []
    server = Process(
        "nats-server",
        [program(), "-c", str(write_config(folder, -1))],
        dict(os.environ),
        tmp_path / "nats-server.log",
        lambda ended, _pause_s: restarts.append(ended),
        RestartPause(first_s=0.05),
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(server.supervise())
        url = await address(folder, server)
        client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.05)
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
    assert connected.netloc == url.removeprefix("nats://")
    assert len(restarts) == 1


async def test_two_runs_get_different_ports(tmp_path: Path) -> None:
    servers, urls = [], []
    async with asyncio.TaskGroup() as group:
        for name in ("one", "two"):
            command = [program(), "-c", str(write_config(tmp_path / name, -1))]
            log = tmp_path / f"{name}.log"
            servers.append(Process(name, command, dict(os.environ), log, lambda *_: None))
            group.create_task(servers[-1].supervise())
            urls.append(await address(tmp_path / name, servers[-1]))
        for server in servers:
            await server.stop(5)

    assert len(set(urls)) == 2
