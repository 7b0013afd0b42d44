import asyncio

import pytest

from shared.errors import TransientError
from shared.task_groups import LimitedTaskGroup


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
