"""What every trigger does, the fake one included."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from services.discovery.adapters.poll_trigger import PollTrigger
from services.discovery.adapters.watch_trigger import WatchTrigger
from services.discovery.ports import Trigger
from tests.fakes.trigger import FakeTrigger
from tests.waiting import PATIENCE_S

Signals = AsyncGenerator[frozenset[str] | None, None]
Prompt = Callable[[], str]


@pytest.fixture(params=["fake", "poll", "watch"])
def prompted(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Trigger, Prompt]:
    """A trigger, and what makes it worth a look at the path that is returned."""
    file = tmp_path / "a.jsonl"

    def prompt() -> str:
        file.write_bytes(b"x")
        if isinstance(trigger, FakeTrigger):
            trigger.fire(str(file))
        return str(file)

    trigger: Trigger
    if request.param == "fake":
        trigger = FakeTrigger()
    elif request.param == "poll":
        trigger = PollTrigger(0.05)
    else:
        trigger = WatchTrigger(lambda: [str(tmp_path)], debounce_ms=100, rescan_interval_s=600)
    return trigger, prompt


async def signal_for(path: str, signals: Signals) -> frozenset[str] | None:
    async with asyncio.timeout(PATIENCE_S):
        async for signal in signals:
            if signal is None or path in signal:
                return signal
    raise AssertionError("the trigger ended")


async def test_the_first_signal_comes_at_once_and_means_everything(
    prompted: tuple[Trigger, Prompt],
) -> None:
    trigger, _ = prompted

    async with aclosing(trigger.signals()) as signals, asyncio.timeout(PATIENCE_S):
        assert await anext(signals) is None


async def test_a_change_is_signalled(prompted: tuple[Trigger, Prompt]) -> None:
    trigger, prompt = prompted

    async with aclosing(trigger.signals()) as signals:
        await anext(signals)
        path = prompt()
        signal = await signal_for(path, signals)

    assert signal is None or path in signal


async def test_a_change_is_kept_while_nobody_asks(prompted: tuple[Trigger, Prompt]) -> None:
    trigger, prompt = prompted

    async with aclosing(trigger.signals()) as signals:
        await anext(signals)
        path = prompt()
        await asyncio.sleep(0.3)
        signal = await signal_for(path, signals)

    assert signal is None or path in signal


async def test_a_trigger_can_be_cancelled(prompted: tuple[Trigger, Prompt]) -> None:
    trigger, _ = prompted

    async def wait_for_ever() -> None:
        async with aclosing(trigger.signals()) as signals:
            async for _signal in signals:
                pass

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await wait_for_ever()
