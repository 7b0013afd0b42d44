"""The figures of a real server of the bus: what its monitoring port tells becomes metrics."""

import asyncio
import json
from pathlib import Path

import nats
import pytest
from nats.js.api import ConsumerConfig, DiscardPolicy, RetentionPolicy, StreamConfig

from shared.bus.monitoring import look_at_bus
from tests.nats_server import NatsServer

pytestmark = pytest.mark.integration
Told = dict[tuple[str, ...], float]


class MonitoredServer(NatsServer):
    """The server with its monitoring port open."""

    def _config(self) -> str:
        return super()._config() + "http_port: -1\nmax_connections: 100\n"

    @property
    def monitoring(self) -> str:
        (file,) = self._folder.glob("*.ports")
        return str(json.loads(file.read_text())["monitoring"][0])


async def look(server: MonitoredServer) -> Told:
    readings = await asyncio.to_thread(lambda: list(look_at_bus("s", [server.monitoring])))
    return {(one.gauge.name, *one.labels.values()): one.value for one in readings}


async def test_a_stream_that_drops_what_was_not_read_is_seen(tmp_path: Path) -> None:
    server = await MonitoredServer(tmp_path).start()
    try:
        client = await nats.connect(server.url)
        js = client.jetstream()
        await js.add_stream(StreamConfig("OLD", subjects=["old"], max_bytes=10_000))
        await js.add_consumer("OLD", ConsumerConfig(durable_name="reader"))
        await js.add_stream(
            StreamConfig(
                "NEW",
                subjects=["new"],
                max_bytes=10_000,
                discard=DiscardPolicy.NEW,
                retention=RetentionPolicy.WORK_QUEUE,
            )
        )
        await js.publish("new", b"x" * 9_000)
        before = await look(server)
        for _ in range(30):
            await js.publish("old", b"x" * 1_000)
        after = await look(server)
        await client.close()
        address = server.monitoring.removeprefix("http://")
        await server.stop()
        gone = {
            (one.gauge.name, *one.labels.values()): one.value
            for one in look_at_bus("s", [f"http://{address}"])
        }
    finally:
        await server.stop()

    assert before["mapstream_stream_unread_evicted_messages", "OLD", "reader"] == 0
    assert before["mapstream_stream_bytes", "NEW", "new"] > 9_000
    assert before["mapstream_stream_limit_bytes", "NEW", "new"] == 10_000
    assert after["mapstream_stream_unread_evicted_messages", "OLD", "reader"] > 10
    assert after["mapstream_stream_unread_messages", "OLD", "reader"] > 0
    assert after["mapstream_stream_has_leader", "OLD", "old"] == 1
    assert after["mapstream_bus_server_up", address] == 1
    assert after["mapstream_bus_server_has_leader", address] == 1
    assert after["mapstream_bus_connections", address] == 1
    assert after["mapstream_bus_connections_limit", address] == 100
    assert after["mapstream_bus_store_bytes", address] > 0
    assert after["mapstream_disk_free_bytes", "s", "bus"] > 0
    assert gone == {("mapstream_bus_server_up", address): 0}
