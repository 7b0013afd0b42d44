"""Whoever waits can be stopped, whatever is waited for."""

import asyncio

import pytest

from services.cli.commands.stop import StoppedError, unless_stopped
from tests.waiting import until


async def test_what_is_done_before_a_stop_is_given() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    assert await unless_stopped(asyncio.Event(), work()) == 7


async def test_a_stop_ends_what_would_wait_for_ever() -> None:
    stop, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        stop.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(StoppedError):
        await unless_stopped(stop, work())

    assert cancelled.is_set()


async def test_work_that_forgets_that_it_was_cancelled_is_not_waited_for() -> None:
    """asyncio.wait_for does before Python 3.12, and nats-py waits with it."""
    stop, go_on = asyncio.Event(), asyncio.Event()
    ended: list[bool] = []

    async def work() -> None:
        stop.set()
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            await go_on.wait()
        ended.append(True)

    with pytest.raises(StoppedError):
        await unless_stopped(stop, work())
    before = list(ended)
    go_on.set()
    await until(lambda: ended)

    assert before == []


async def test_what_fails_fails() -> None:
    async def work() -> None:
        raise OSError("no luck")

    with pytest.raises(OSError, match="no luck"):
        await unless_stopped(asyncio.Event(), work())
