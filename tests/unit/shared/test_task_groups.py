import asyncio
from typing import Any

import pytest

from shared.errors import TransientError
from shared.task_groups import LimitedTaskGroup, TaskGroup
from tests.waiting import PATIENCE_S


async def loses(cancellations: int) -> None:
    """Work for ever, as what retries does, and lose so many cancellations."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if cancellations == 0:
                raise
            cancellations -= 1


async def _until_cancelled(begun: asyncio.Event) -> None:
    async with TaskGroup(again_s=0.01) as group:
        group.create_task(loses(2))
        begun.set()
        await asyncio.Event().wait()


async def _while_waiting(begun: asyncio.Event) -> None:
    async with TaskGroup(again_s=0.01) as group:
        group.create_task(loses(2))
        begun.set()


@pytest.mark.parametrize("work", [_until_cancelled, _while_waiting])
async def test_a_group_that_is_cancelled_ends_although_a_task_loses_that(work: Any) -> None:
    begun = asyncio.Event()
    task = asyncio.ensure_future(work(begun))
    await begun.wait()
    await asyncio.sleep(0)
    task.cancel()

    await asyncio.wait({task}, timeout=PATIENCE_S)

    assert task.cancelled()


@pytest.mark.parametrize("is_waited_for", [True, False])
async def test_a_group_of_which_a_task_fails_ends_although_another_loses_that(
    *, is_waited_for: bool
) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise TransientError("full")

    async def both() -> None:
        async with TaskGroup(again_s=0.01) as group:
            group.create_task(loses(1))
            group.create_task(fail())
            if not is_waited_for:
                await asyncio.Event().wait()

    failing = asyncio.ensure_future(both())
    await asyncio.wait({failing}, timeout=PATIENCE_S)

    assert failing.done()
    with pytest.raises(ExceptionGroup) as raised:
        failing.result()
    assert [type(one) for one in raised.value.exceptions] == [TransientError]


async def test_no_more_are_under_way_than_may_be() -> None:
    under_way, most, done = 0, 0, 0

    async def work() -> None:
        nonlocal under_way, most, done
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        done += 1

    async with LimitedTaskGroup(3) as group:
        for _ in range(10):
            await group.begin(work)

    assert (most, done) == (3, 10)


async def test_how_many_may_be_is_asked_before_each() -> None:
    may, under_way, seen = 1, 0, []

    async def work() -> None:
        nonlocal may, under_way
        under_way += 1
        seen.append(under_way)
        may = 3
        await asyncio.sleep(0)
        under_way -= 1

    async with LimitedTaskGroup(lambda: may) as group:
        for _ in range(7):
            await group.begin(work)

    assert seen == [1, 1, 2, 3, 1, 2, 3]


async def test_the_first_that_fails_stops_the_others_and_is_told_as_itself() -> None:
    stopped = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise

    async def fail() -> None:
        raise TransientError("full")

    async def three() -> None:
        async with LimitedTaskGroup(2) as group:
            for work in (wait, fail, wait):
                await group.begin(work)

    with pytest.raises(TransientError, match="full"):
        await three()

    assert stopped.is_set()


async def test_what_the_block_raises_is_told_as_itself() -> None:
    with pytest.raises(TransientError, match="gone"):
        async with LimitedTaskGroup(2):
            raise TransientError("gone")
