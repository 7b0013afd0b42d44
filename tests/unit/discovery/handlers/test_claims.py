import asyncio

import pytest

from services.discovery.handlers.claims import Claims
from tests.waiting import PATIENCE_S


async def test_a_source_is_in_one_hand_at_a_time() -> None:
    claims, seen = Claims(), []

    async def work(name: str) -> None:
        async with claims.claim("a"):
            seen.append(name)
            await asyncio.sleep(0)
            seen.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("x", "y", "z"):
            group.create_task(work(name))

    assert seen == ["x", "x", "y", "y", "z", "z"]


async def test_other_sources_need_not_wait() -> None:
    claims = Claims()

    async with claims.claim("a"), asyncio.timeout(PATIENCE_S), claims.claim("b"):
        assert not claims.is_contested("a")


async def test_whoever_has_a_source_is_told_that_another_waits() -> None:
    claims = Claims()

    async def wait() -> None:
        async with claims.claim("a"):
            pass

    async with asyncio.TaskGroup() as group, claims.claim("a"):
        group.create_task(wait())
        await asyncio.sleep(0)
        assert claims.is_contested("a")


async def test_nothing_is_kept_of_a_source_that_is_free_again() -> None:
    claims = Claims()

    with pytest.raises(RuntimeError):
        async with claims.claim("a"):
            raise RuntimeError
    assert (dict(claims._locks), dict(claims._users)) == ({}, {})
