"""A turn that gives way, and is cancelled meanwhile, as a map that is moved when writing stops."""

import asyncio

import pytest

from services.writing.handlers.yielding_lock import YieldingLock


async def give_way_for_ever(lock: asyncio.Lock) -> None:
    async with YieldingLock(lock) as turn:
        while True:
            await turn.give_way()


async def test_the_others_have_their_turns_in_between() -> None:
    lock = asyncio.Lock()
    giving = asyncio.create_task(give_way_for_ever(lock))
    await asyncio.sleep(0)

    for _ in range(2):
        async with lock:
            assert not giving.done()
    giving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await giving


async def test_who_is_cancelled_while_the_lock_is_free_ends_as_cancelled() -> None:
    lock = asyncio.Lock()
    giving = asyncio.create_task(give_way_for_ever(lock))
    await asyncio.sleep(0)

    giving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await giving
    assert not lock.locked()


async def test_who_is_cancelled_while_another_has_the_lock_leaves_it_to_him() -> None:
    lock = asyncio.Lock()
    giving = asyncio.create_task(give_way_for_ever(lock))
    await asyncio.sleep(0)

    async with lock:
        giving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await giving
        assert lock.locked()
