"""A file that changes on a disk that has no room for its new version beside the old one."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.local_run import LiveRun, live_run, rows
from tests.e2e.test_small_disk import MB, disk, leave, pytestmark  # noqa: F401  a fixture, its marks
from tests.waiting import until

FREE = 120 * MB
"""Less than twice the content, and enough for the bus."""


def put(folder: Path, version: str, megabytes: int) -> None:
    """Put a log in place of one: few records, and much that is none."""
    filling = json.dumps({"type": "metadata", "filling": "x" * MB})
    lines = [
        json.dumps({"type": "iteration", "iteration": one, "response": f"{version} {one}"})
        for one in range(3)
    ]
    lines += [filling] * megabytes
    beside = folder / "a.new"
    beside.write_text("\n".join([*lines, json.dumps({"final_answer": "done"}), ""]))
    beside.replace(folder / "a.jsonl")


async def failures(run: LiveRun) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(base_url=run.gateway, timeout=60) as http:
        with suppress(httpx.TransportError):
            answer = await http.get("/sources")
            return answer.json()["failures"] if answer.status_code == 200 else []
    return []


async def test_it_is_not_read_until_there_is_room(
    disk: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAPSTREAM_INGESTION__TRIGGER__RESCAN_INTERVAL_S", "2")
    folder, output = tmp_path / "runs", disk / "out"
    folder.mkdir()
    put(folder, "first", 1)
    async with live_run(folder, output) as run:
        await run.settled(3)
        leave(disk, FREE)
        put(folder, "second", 80)
        (failed,) = await until(lambda: failures(run))
        meanwhile = {one["text"].split()[0] for one in rows(output)}

        (disk / "filler").unlink()
        await until(lambda: {one["text"].split()[0] for one in rows(output)} == {"second"})
        await run.settled(3)
        after = await failures(run)
        assert await run.stop() == 0

    assert failed["filename"] == "a.jsonl"
    assert "no room for a new version: 1" in failed["reason"]
    assert "needed: 16" in failed["reason"]
    assert meanwhile == {"first"}
    assert after == []
