"""Every integration test has its own nats-server with the streams of one collection."""

from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.js import JetStreamContext

from shared.bus.topology import apply_topology
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    running = await NatsServer(tmp_path / "nats").start()
    yield running
    await running.stop()


@pytest.fixture
async def js(server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    context = client.jetstream(timeout=PATIENCE_S)
    await apply_topology(context, ["default"])
    yield context
    await client.close()
