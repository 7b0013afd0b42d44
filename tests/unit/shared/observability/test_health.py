import asyncio
import socket
from typing import Any

import httpx
import pytest

from shared.observability import metrics
from shared.observability.health import build_health, serving
from tests.waiting import PATIENCE_S


@pytest.mark.parametrize(("state", "code"), [("running", 200), ("standby", 200), ("waiting", 503)])
async def test_ready_is_who_works_or_stands_by(state: str, code: int) -> None:
    status: dict[str, Any] = {"service": "x", "state": state, "records": 3}
    transport = httpx.ASGITransport(app=build_health(lambda: status))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        health, ready = await client.get("/health"), await client.get("/ready")

    assert (health.status_code, ready.status_code) == (200, code)
    assert health.json() == ready.json() == status


async def test_metrics_are_told_beside_it() -> None:
    reading = metrics.DATASET_ROWS.read(5, collection="default")
    transport = httpx.ASGITransport(app=build_health(dict, lambda: (reading,)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'mapstream_dataset_rows{collection="default"} 5.0' in answer.text


async def test_it_is_served_on_any_free_port_until_the_block_ends() -> None:
    async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
        async with serving(build_health(lambda: {"state": "running"}), "127.0.0.1", 0) as port:
            url = f"http://127.0.0.1:{port}/ready"
            assert (await client.get(url)).status_code == 200

        with pytest.raises(httpx.TransportError):
            await client.get(url)


async def test_connections_are_taken_as_soon_as_the_port_is_told() -> None:
    async with serving(build_health(dict), "127.0.0.1", 0) as port:
        with socket.create_connection(("127.0.0.1", port)):
            pass


async def test_a_taken_port_is_told() -> None:
    async with serving(build_health(dict), "127.0.0.1", 0) as port:
        with pytest.raises(OSError, match="in use"):
            async with serving(build_health(dict), "127.0.0.1", port):
                pass


async def test_connections_that_only_wait_keep_nobody_out() -> None:
    """Else whoever reaches the port could have every service called dead, and started again."""
    async with serving(build_health(dict), "127.0.0.1", 0) as port:
        flood = []
        for number in range(300):
            source = (f"127.0.0.{2 + number % 9}", 0)
            _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=source)
            writer.write(b"GET /health HTTP/1.1\r\nhost: ")
            flood.append(writer)
        async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}/health")
        for writer in flood:
            writer.close()

    assert answer.status_code == 200
