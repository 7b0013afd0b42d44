import asyncio

import pytest

from services.discovery.handlers.source_locks import SourceLocks
from tests.waiting import PATIENCE_S


async def test_a_source_is_in_one_hand_at_a_time() -> None:
    locks, seen = SourceLocks(), []

    async def work(name: str) -> None:
        async with locks.hold("a"):
            seen.append(name)
            await asyncio.sleep(0)
            seen.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("x", "y", "z"):
            group.create_task(work(name))

    assert seen == ["x", "x", "y", "y", "z", "z"]


async def test_other_sources_need_not_wait() -> None:
    locks = SourceLocks()

    async with locks.hold("a"), asyncio.timeout(PATIENCE_S), locks.hold("b"):
        assert not locks.is_contested("a")


async def test_whoever_has_a_source_is_told_that_another_waits() -> None:
    locks = SourceLocks()

    async def wait() -> None:
        async with locks.hold("a"):
            pass

    async with asyncio.TaskGroup() as group, locks.hold("a"):
        group.create_task(wait())
        await asyncio.sleep(0)
        assert locks.is_contested("a")


async def test_nothing_is_kept_of_a_source_that_is_free_again() -> None:
    locks = SourceLocks()

    with pytest.raises(RuntimeError):
        async with locks.hold("a"):
            raise RuntimeError
    assert (dict(locks._locks), dict(locks._users)) == ({}, {})
