"""What a service does before it has a bus, and how its loops end."""

import asyncio
import sys
from contextlib import AsyncExitStack, nullcontext

import httpx
import pytest
from structlog.testing import capture_logs

from shared import runtime, task_groups, waits
from shared.assignments import Resources
from shared.bus.broker import build_bus
from shared.bus.presence import EXIT_DURABLE_GONE, ConsumerGoneError
from shared.errors import ConfigurationError
from shared.observability.health import build_health, serving
from shared.runtime import Service, _listen_for_health
from shared.settings import HealthSection, NatsSection, ServiceSettings
from shared.task_groups import run_together


def a_service() -> Service:
    settings = ServiceSettings(health=HealthSection(host="127.0.0.1"))
    bus = build_bus(NatsSection(), "embedding")
    return Service(
        name="embedding",
        about="for a test",
        settings=settings,
        bus=bus,
        resources=lambda: nullcontext(Resources()),
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


async def test_health_and_status_tell_what_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waits, "LASTING_S", 0.0)
    async with (
        AsyncExitStack() as stack,
        httpx.AsyncClient() as client,
    ):
        with capture_logs() as told:
            await _listen_for_health(stack, a_service(), 0)
        url = f"http://127.0.0.1:{told[0]['port']}/health"
        with waits.WAITS.trying("a server") as trial:
            trial.failed("nats://me:planted-word@here refuses")  # pragma: allowlist secret
            during = (await client.get(url)).json()["waits"]
        after = (await client.get(url)).json()["waits"]

    assert [(one["what"], one["reason"]) for one in during] == [
        ("a server", "nats://***@here refuses")
    ]
    assert during[0]["since"].endswith("Z")
    assert after == []


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


class Deaf:
    """A loop that does not hear the first cancellations, as asyncio.wait_for may not."""

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.begun = asyncio.Event()

    async def run(self) -> None:
        self.begun.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not self.lost:
                    raise
                self.lost -= 1


@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_a_loop_that_lost_a_cancellation_ends_all_the_same(
    lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_groups, "IN_HAND_S", 0.01)
    deaf, other = Deaf(lost), Deaf(0)
    working = asyncio.ensure_future(run_together([deaf.run, other.run]))
    await deaf.begun.wait()

    working.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait({working})

    assert working.cancelled()
    assert deaf.lost == 0


async def test_a_loop_that_fails_ends_the_others() -> None:
    other = Deaf(0)

    async def fail() -> None:
        await other.begun.wait()
        raise ValueError("broken")

    with pytest.raises(ExceptionGroup) as caught:
        await run_together([fail, other.run])
    assert caught.group_contains(ValueError, match="broken")


async def test_a_mistake_that_a_loop_meets_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Deaf(0)

    async def meet_it() -> None:
        await other.begun.wait()
        raise ConfigurationError("the map is of another state")

    async def work(_: Service) -> None:
        await run_together([meet_it, other.run])

    monkeypatch.setattr(runtime, "serve", work)
    monkeypatch.setattr(sys, "argv", ["embedding"])
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(runtime.run, a_service)

    assert ended.value.code == 2
    assert capsys.readouterr().err == "mapstream: the map is of another state\n"


async def test_a_consumer_that_is_gone_ends_the_process_with_its_code_when_all_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread of a store that was not closed would keep the process from ending."""
    closed: list[str] = []

    async def lose_it() -> None:
        raise ConsumerGoneError("a durable consumer")

    async def work(_: Service) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(collection())
            await asyncio.Event().wait()

    async def collection() -> None:
        try:
            await run_together([lose_it])
        finally:
            await asyncio.sleep(0)
            closed.append("the store")

    monkeypatch.setattr(runtime, "serve", work)
    monkeypatch.setattr(sys, "argv", ["embedding"])
    with pytest.raises(SystemExit) as ended:
        await asyncio.to_thread(runtime.run, a_service)

    assert ended.value.code == EXIT_DURABLE_GONE
    assert closed == ["the store"]
