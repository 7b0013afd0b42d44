"""Collections are made while everything runs: from the terminal and over HTTP, under kills."""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from shared.failpoints import VARIABLE, Failpoint
from tests.e2e.local_run import (
    PATIENCE_S,
    LiveRun,
    check_coordinates,
    expected_records,
    live_run,
    rows,
    write_source,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
RECORDS = 5


class World:
    """A run that goes on, a folder where collections may have theirs, and points to be cut at."""

    def __init__(self, folder: Path) -> None:
        self.runs, self.data, self.output = folder / "runs", folder / "data", folder / "out"
        self.points = folder / "points"
        for one in (self.data, self.points):
            one.mkdir()
        write_source(self.runs / "first.jsonl", RECORDS, "default")

    def folder(self, name: str) -> Path:
        made = self.data / name
        made.mkdir()
        return made

    def arm(self, point: Failpoint) -> Path:
        file = self.points / point
        file.touch()
        return file

    async def mapped(self, name: str) -> None:
        """Wait until the dataset has what the collection's folder has, each record once."""
        wanted = expected_records(self.data / name)
        async with asyncio.timeout(PATIENCE_S):
            while len(found := await asyncio.to_thread(rows, self.output, name)) < len(wanted):
                await asyncio.sleep(0.1)
        assert {row["id"]: row["text"] for row in found} == wanted
        assert len(found) == len(wanted)

    async def accounted(self, sources: dict[str, int]) -> None:
        """Wait until the ledger says that of each so many are mapped, and nothing else is there.

        The files tell of rows a little before the ledger does.
        """
        ledger = self.output / "state" / "discovery" / "discovery.sqlite"
        wanted = [(name, "completed", count, 0) for name, count in sorted(sources.items())]
        async with asyncio.timeout(PATIENCE_S):
            while await asyncio.to_thread(accounts, ledger) != wanted:
                await asyncio.sleep(0.1)


def accounts(ledger: Path) -> list[tuple[str, str, int, int]]:
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
        return connection.execute(
            "SELECT collection, status, count(*), sum(dead) FROM sources"
            " GROUP BY collection, status ORDER BY collection, status"
        ).fetchall()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setenv("MAPSTREAM_INGESTION__ALLOWED_ROOTS", json.dumps([str(made.data)]))
    monkeypatch.setenv(VARIABLE, str(made.points))
    return made


async def from_terminal(world: World, *words: str) -> tuple[int, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "collections", *words,
        "--output", str(world.output), "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, json.loads(out) if out.strip() else {}


async def over_http(run: LiveRun, **body: Any) -> httpx.Response:
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
        return await http.post("/api/collections", json=body)


async def on_the_map(run: LiveRun, name: str) -> set[str]:
    """Return the ids that the gateway tells of, once it serves the collection."""
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await http.get("/map", params={"collection": name})
                if answer.status_code == 200:
                    table = pa.ipc.open_stream(answer.content).read_all()
                    return set(table.column("id").to_pylist())
                await asyncio.sleep(0.1)


async def test_collections_are_made_and_mapped_whatever_is_killed(world: World) -> None:
    async with live_run(world.runs, world.output) as run:
        await run.settled(RECORDS)
        recorded = world.arm(Failpoint.RECORDED)
        code, told = await from_terminal(
            world, "create", "by-terminal", "--source", str(world.folder("by-terminal"))
        )
        declared = world.arm(Failpoint.DECLARED)
        folder = world.folder("by-http")
        write_source(folder / "there-before.jsonl", RECORDS, "before")
        made = await over_http(run, name="by-http", title="T", sources=[{"path": str(folder)}])
        assert not recorded.exists()
        assert code == 0
        assert made.status_code == 201
        for name in ("by-terminal", "by-http"):
            write_source(world.data / name / "new" / "a.jsonl", RECORDS, name)
            await world.mapped(name)
            assert not declared.exists()
            assert await on_the_map(run, name) == expected_records(world.data / name).keys()

        await run.kill("discovery")
        await run.kill("writing")
        again, _ = await from_terminal(world, "create", "by-http")
        for name in ("by-terminal", "by-http"):
            write_source(world.data / name / "b.jsonl", RECORDS, name)
            await world.mapped(name)
        outside = await over_http(run, name="third", sources=[{"path": str(world.runs)}])
        _, listed = await from_terminal(world, "list")
        await world.accounted({"default": 1, "by-terminal": 2, "by-http": 3})

    assert again == 5
    assert outside.status_code == 422
    assert "allowed_roots" in outside.json()["detail"]
    known = {one["name"]: one for one in listed["collections"]}
    assert set(known) == {"default", "by-terminal", "by-http"}
    assert known["by-terminal"] == told["event"]["record"]
    assert known["by-http"] == made.json()["record"]
    for name in known:
        check_coordinates(world.output, name)
