"""Lists are pages: SQLite finds what is on one, and does not go through all others for it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.ports.jobs import JobFilter
from shared.contracts.source_list import ListSources


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStateStore]:
    async with SqliteStateStore.open(tmp_path) as opened:
        yield opened


class Plans:
    """How SQLite carries out what is asked of a store, as it tells it."""

    def __init__(self, store: SqliteStateStore, table: str) -> None:
        self._connection = store._connection
        self._table = table
        self._asked: list[str] = []
        self._connection.set_trace_callback(self._asked.append)

    def steps(self) -> list[str]:
        self._connection.set_trace_callback(None)
        from_it = [one for one in self._asked if f"FROM {self._table}" in one]
        assert from_it
        plans = (self._connection.execute(f"EXPLAIN QUERY PLAN {one}") for one in from_it)
        return [row[3] for plan in plans for row in plan]


def require_pages(steps: list[str], table: str) -> None:
    """An index gives the rows in the order of the list, from where the page begins."""
    assert not [one for one in steps if one == f"SCAN {table}" or "TEMP B-TREE" in one], steps


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"states": ("failed", "queued")},
        {"states": ("running",), "collection": "default"},
        {"kind": "delete"},
        {"kind": "delete", "collection": "default"},
        {"source_id": "0" * 32},
    ],
)
@pytest.mark.parametrize("before", [None, 7])
async def test_a_page_of_jobs(
    store: SqliteStateStore, wanted: dict[str, Any], before: int | None
) -> None:
    plans = Plans(store, "jobs")
    await store.list_jobs(JobFilter(**wanted, before=before))

    steps = plans.steps()
    require_pages(steps if before or wanted else steps[1:], "jobs")
    for name in wanted.keys() - {"states"}:
        assert any(f"{name}=?" in one for one in steps), steps
    if "states" in wanted:
        assert all("state=?" in one for one in steps if " jobs USING" in one), steps


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ({}, "collection=? AND filename>?"),
        ({"states": ("incomplete", "failed")}, "status=? AND collection=? AND filename>?"),
        ({"after": "m"}, "collection=? AND filename>?"),
    ],
)
async def test_a_page_of_sources(
    store: SqliteStateStore, wanted: dict[str, Any], place: str
) -> None:
    plans = Plans(store, "sources")
    await store.page_of_sources(ListSources(collection="default", **wanted))

    steps = plans.steps()
    require_pages(steps, "sources")
    assert any(place in one for one in steps), steps
