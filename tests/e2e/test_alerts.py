"""Real faults, scraped by a real Prometheus: the expression of each alert becomes true.

How long a fault is borne before an alert fires is for promtool (alerts_test.yml). With
``SCRAPE_S=15``, the interval of deploy/monitoring, what is printed is what an operator would see.
"""

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import nats
import pytest
import trustme

from services.cli.adapters.ports import kept_port
from shared.bus.registry.batches import DISCOVERY_BATCH, MAP_POINTS
from shared.bus.registry.dead_letters import DEAD_WRITING
from shared.bus.registry.streams import BY_NAME
from tests.e2e.deployment import Deployment
from tests.e2e.local_run import write_source
from tests.e2e.test_monitoring import ask, prometheus
from tests.nats_server import NatsServer

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="prometheus is not installed (a Debian package)"
    ),
]
PATIENCE_S = 300.0
SCRAPE_S = int(os.environ.get("SCRAPE_S", "1"))
STAGES = ("discovery", "embedding", "projection", "writing")
CONNECTIONS = 30
STARTING = (
    "MapstreamServiceMissing",
    "MapstreamFewerThanExpected",
    "MapstreamTargetDown",
    "MapstreamStageNotRunning",
    "MapstreamCrashLoop",
    "MapstreamBusServerDown",
    "MapstreamBusAway",
    "MapstreamStreamsMissing",
)
"""What is true while services start, and borne for so long."""


class Server(NatsServer):
    """The bus, with its monitoring port, few connections, and no patience with slow readers."""

    monitoring = 0

    def _config(self) -> str:
        return super()._config() + (
            f"http_port: {self.monitoring}\nmax_connections: {CONNECTIONS}\n"
            'max_pending: 8MB\nwrite_deadline: "1s"\n'
        )


@dataclass
class Watched(Deployment):
    """The services, each with a port of its own for Prometheus."""

    ports: dict[str, int] = field(default_factory=dict)

    async def _spawn(self, service: str) -> None:
        own = {"MAPSTREAM_HEALTH__PORT": str(self.ports.get(service, 0))}
        common, self.more = self.more, self.more | own
        try:
            await super()._spawn(service)
        finally:
            self.more = common

    def tell_targets(self, *without: str) -> None:
        """Write what Prometheus finds: a container that is gone is in no name any more."""
        found = {**self.ports, "text2vec": self.text2vec_port}
        told = [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}}
            for name, port in found.items()
            if name not in without
        ]
        beside = self.folder / "targets.part"
        beside.write_text(json.dumps(told))
        beside.rename(self.targets)

    @property
    def targets(self) -> Path:
        return self.folder / "targets.json"


@dataclass
class Drill:
    one: Watched
    prometheus: httpx.AsyncClient
    gateway: httpx.AsyncClient
    took: dict[str, float] = field(default_factory=dict)

    async def are_true(self) -> set[str]:
        """Return the alerts whose expression is true now."""
        found = (await ask(self.prometheus, "query", query="ALERTS"))["result"]
        return {one["metric"]["alertname"] for one in found}

    async def until(self, *names: str) -> None:
        """Wait until these alerts' expressions are true, and note how long each took."""
        started, missing = time.monotonic(), set(names)
        async with asyncio.timeout(PATIENCE_S):
            while missing:
                for name in missing & await self.are_true():
                    self.took[name] = time.monotonic() - started
                    missing.discard(name)
                await asyncio.sleep(0.2)

    async def until_quiet(self, *names: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while set(names) & await self.are_true():
                await asyncio.sleep(0.2)


@asynccontextmanager
async def drill(folder: Path) -> AsyncIterator[Drill]:
    """Run every service and Prometheus, with the gateway's certificate near its end."""
    folder.mkdir(exist_ok=True)
    async with AsyncExitStack() as stack:

        def keep() -> int:
            return stack.enter_context(kept_port())

        server = Server(folder / "nats", port=keep())
        server.monitoring = keep()
        ports = {name: keep() for name in (*STAGES, "gateway")}
        http = keep()
        made = trustme.CA().issue_cert(
            "127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=1)
        )
        made.private_key_pem.write_to_path(folder / "key.pem")
        made.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        more = {
            "MAPSTREAM_NATS__MONITORING_URL": f"http://127.0.0.1:{server.monitoring}",
            "MAPSTREAM_GATEWAY__PORT": str(http),
            "MAPSTREAM_GATEWAY__TLS_CERTIFICATE": str(folder / "cert.pem"),
            "MAPSTREAM_GATEWAY__TLS_KEY": str(folder / "key.pem"),
            "MAPSTREAM_INGESTION__STALLED_AFTER_S": "5",
            "MAPSTREAM_EMBEDDING__TIMEOUT_S": "5",
        }
        one = Watched(folder, server, server._port, keep(), more=more, ports=ports)
        one.sources.mkdir(parents=True)
        stack.push_async_callback(server.stop)
        stack.push_async_callback(stop_all, one)
        await server.start()
        await one.apply_streams()
        for name in (*STAGES, "gateway", "text2vec"):
            one.start(name)
        one.tell_targets()
        made_by = prometheus(folder / "prometheus", one.targets, every_s=SCRAPE_S)
        client = await stack.enter_async_context(made_by)
        gateway = httpx.AsyncClient(base_url=f"https://127.0.0.1:{http}", verify=False, timeout=60)  # noqa: S501  its certificate is nobody's
        yield Drill(one, client, await stack.enter_async_context(gateway))


async def stop_all(one: Watched) -> None:
    for name in list(one._keeping):
        await one.stop(name)


@asynccontextmanager
async def again_and_again(
    act: Callable[[], Awaitable[object]], pause_s: float
) -> AsyncIterator[None]:
    async def work() -> None:
        while True:
            with suppress(httpx.TransportError, ProcessLookupError):
                await act()
            await asyncio.sleep(pause_s)

    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def no_embedding_and_a_gateway_that_loops(on: Drill) -> None:
    one = on.one

    async def kill_gateway() -> None:
        one.processes["gateway"].kill()

    write_source(one.sources / "second.jsonl", 200, "again")
    await one.stop("embedding")
    one.tell_targets("embedding")
    await on.until("MapstreamServiceMissing", "MapstreamFewerThanExpected")
    write_source(one.sources / "third.jsonl", 200, "more")
    async with again_and_again(kill_gateway, 8):
        await on.until("MapstreamCrashLoop", "MapstreamSourcesStalled")


async def full_streams(on: Drill) -> None:
    """Make the streams small, instead of filling hundreds of megabytes."""
    one = on.one
    client = await nats.connect(one.nats.url)
    js = client.jetstream(timeout=60)
    held = (await js.stream_info(DISCOVERY_BATCH.stream)).state.bytes
    assert held, "embedding is stopped, but nothing waits for it"
    await js.update_stream(
        replace(BY_NAME[DISCOVERY_BATCH.stream].config(), max_bytes=int(held / 0.95))
    )
    await on.until("MapstreamStreamFilling")

    await one.stop("discovery")
    small = (await js.stream_info(DEAD_WRITING.stream)).state.bytes + 50_000
    await js.update_stream(replace(BY_NAME[DEAD_WRITING.stream].config(), max_bytes=small))

    async def bury() -> None:
        for _ in range(50):
            await js.publish(DEAD_WRITING.subject("default"), b"x" * 1_000)

    # What is dropped is told by two looks that differ: it goes on until there were two.
    async with again_and_again(bury, SCRAPE_S):
        await on.until("MapstreamUnreadEvicted")

    await js.delete_stream(MAP_POINTS.stream)
    await on.until("MapstreamStreamsMissing")
    await client.close()


async def lazy_readers(on: Drill) -> None:
    """One takes nothing of what it asked for; many come and stay."""
    port = on.one.nats_port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'CONNECT {"verbose":false}\r\nSUB flood 1\r\nPING\r\n')
    await reader.readuntil(b"PONG")
    client = await nats.connect(on.one.nats.url)
    for _ in range(128):
        await client.publish("flood", b"x" * (1 << 20))
    await client.flush(60)
    await client.close()
    await on.until("MapstreamSlowConsumers")
    writer.close()

    crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS - 5)]
    for _, one in crowd:
        one.write(b'CONNECT {"verbose":false}\r\n')
    await on.until("MapstreamConnectionsHigh")
    for _, one in crowd:
        one.close()


async def broken_gateway_and_bus(on: Drill) -> None:
    one = on.one

    async def ask_gateway() -> None:
        await on.gateway.get("/dead-letters")

    await one.apply_streams()
    for name in ("discovery", "embedding"):
        one.start(name)
    one.tell_targets()
    await on.until_quiet("MapstreamServiceMissing")
    one.processes["text2vec"].send_signal(signal.SIGSTOP)
    write_source(one.sources / "fourth.jsonl", 200, "unanswered")
    try:
        await on.until("MapstreamBlocked", "MapstreamStageStuck", "MapstreamEmbedderFailing")
    finally:
        one.processes["text2vec"].send_signal(signal.SIGCONT)
    await one.nats.kill()
    async with again_and_again(ask_gateway, 0.5):
        await on.until("MapstreamBusServerDown", "MapstreamBusAway", "MapstreamGatewayErrors")


async def test_the_expression_of_an_alert_is_true_soon_after_its_fault(tmp_path: Path) -> None:
    async with drill(tmp_path / "drill") as on:
        one = on.one
        write_source(one.sources / "first.jsonl", 30, "hello")
        await on.until(
            "MapstreamWatchdog", "MapstreamCertificateExpired", "MapstreamCertificateExpiring"
        )
        await on.until_quiet(*STARTING)

        await no_embedding_and_a_gateway_that_loops(on)
        await full_streams(on)
        await lazy_readers(on)
        await broken_gateway_and_bus(on)

    for name, seconds in on.took.items():
        print(f"{name}: true after {seconds:.0f} s")  # noqa: T201  with SCRAPE_S=15 it is looked at
