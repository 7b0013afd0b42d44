"""Changes that share a transaction are as good as alone: each durable, each undone by itself."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_group_commit import GroupCommit
from shared.errors import TransientError


class World:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.db.executescript("PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER UNIQUE);")
        self.commits = GroupCommit(self.db)
        self.transactions = 0
        self.db.set_trace_callback(self._count)

    def _count(self, statement: str) -> None:
        self.transactions += statement == "COMMIT"

    async def put(self, number: int, size: int = 0) -> int:
        def work() -> int:
            self.db.execute("INSERT INTO t VALUES (?)", (number,))
            if size:
                self.db.execute("CREATE TABLE filler AS SELECT zeroblob(?)", (size,))
            return number

        return await self.commits.run(work, is_change=True)

    def stored(self) -> list[int]:
        """Read with another connection, as after a crash."""
        other = sqlite3.connect(self.file)
        try:
            return [row[0] for row in other.execute("SELECT n FROM t ORDER BY n")]
        finally:
            other.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "file.sqlite")
    yield world
    await world.commits.close()


async def test_changes_that_wait_together_share_a_transaction(world: World) -> None:
    assert await asyncio.gather(*map(world.put, range(50))) == list(range(50))

    assert world.stored() == list(range(50))
    assert world.transactions <= 3


async def test_a_change_is_on_the_disk_when_it_returns(world: World) -> None:
    for number in range(3):
        await world.put(number)
        assert world.stored() == list(range(number + 1))


async def test_a_change_that_fails_is_undone_alone(world: World) -> None:
    def fail() -> None:
        world.db.execute("INSERT INTO t VALUES (99)")
        raise ValueError("no")

    outcomes = await asyncio.gather(
        world.put(1),
        world.put(1),
        world.commits.run(fail, is_change=True),
        world.put(2),
        return_exceptions=True,
    )

    assert outcomes[0] == 1
    assert isinstance(outcomes[1], TransientError)
    assert isinstance(outcomes[2], ValueError)
    assert outcomes[3] == 2
    assert world.stored() == [1, 2]


async def test_a_full_disk_fails_all_that_it_takes_back(world: World) -> None:
    (pages,) = world.db.execute("PRAGMA page_count").fetchone()
    world.db.execute(f"PRAGMA max_page_count = {pages + 2}")

    outcomes = await asyncio.gather(
        world.put(1), world.put(2, size=1 << 20), world.put(3), return_exceptions=True
    )

    # Whatever was told to be stored is, and nothing else.
    told = [one for one in outcomes if isinstance(one, int)]
    assert isinstance(outcomes[1], TransientError)
    assert world.stored() == told


async def test_who_is_cancelled_does_not_stop_the_others(world: World) -> None:
    is_working, may_go_on = threading.Event(), threading.Event()

    def wait() -> None:
        is_working.set()
        may_go_on.wait(20)

    first = asyncio.ensure_future(world.commits.run(wait, is_change=True))
    await asyncio.to_thread(is_working.wait, 20)
    second = asyncio.ensure_future(world.put(2))
    third = asyncio.ensure_future(world.put(3))
    await asyncio.sleep(0)
    first.cancel()
    second.cancel()
    await asyncio.sleep(0)
    may_go_on.set()

    assert await third == 3
    assert await world.put(4) == 4
    assert {3, 4} <= set(world.stored())
    assert first.cancelled()
