"""What a service does before it has a bus."""

from contextlib import AsyncExitStack, nullcontext

import httpx
from structlog.testing import capture_logs

from shared.bus.broker import build_bus
from shared.observability.health import build_health, serving
from shared.runtime import Service, _listen_for_health
from shared.settings import HealthSection, NatsSection, ServiceSettings


def a_service() -> Service:
    settings = ServiceSettings(health=HealthSection(host="127.0.0.1"))
    bus = build_bus(NatsSection(), "embedding")
    return Service(
        name="embedding",
        about="for a test",
        settings=settings,
        bus=bus,
        resources=lambda: nullcontext(()),
    )


async def test_health_is_answered_where_the_port_is_free() -> None:
    service = a_service()
    async with AsyncExitStack() as stack, httpx.AsyncClient() as client:
        with capture_logs() as told:
            await _listen_for_health(stack, service, 0)
        (line,) = told
        answer = await client.get(f"http://127.0.0.1:{line['port']}/health")

    assert line["event"] == "health.listening"
    assert answer.json()["service"] == "embedding"


async def test_the_work_goes_on_where_the_port_for_health_is_taken() -> None:
    """Somebody else may take it between its choice and the start of the service."""
    async with (
        serving(build_health(lambda: {"service": "another"}), "127.0.0.1", 0) as port,
        AsyncExitStack() as stack,
        httpx.AsyncClient() as client,
    ):
        with capture_logs() as told:
            await _listen_for_health(stack, a_service(), port)
        answer = await client.get(f"http://127.0.0.1:{port}/health")

    (line,) = told
    assert (line["event"], line["log_level"]) == ("health.not_listening", "error")
    assert (line["port"], line["remedy"]) == (
        port, "set health.port to a free port, or to 0 for any",
    )  # fmt: skip
    assert "in use" in line["error"]
    assert answer.json() == {"service": "another"}
