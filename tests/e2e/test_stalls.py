"""A stage that is really stopped: what it holds is reported as stalled, and let go afterwards."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest

from tests.e2e.local_run import PATIENCE_S, live_run, wait_for_rows, write_source

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


async def status(output: Path, *options: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "status", "--output", str(output), *options,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    return out.decode()


async def report_of(output: Path, is_it: Any) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            text = await status(output, "--json")
            report = json.loads(text) if text.strip() else {}
            if report and is_it(report):
                return report
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("stage", ["embedding", pytest.param("writing", marks=pytest.mark.slow)])
async def test_a_stopped_stage_is_named(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSTREAM_INGESTION__STALLED_AFTER_S", "8")
    folder, output = tmp_path / "runs", tmp_path / "out"
    write_source(folder / "first.jsonl", 5, "somebody")
    async with live_run(folder, output) as run:
        await run.settled(5)  # so that the stage holds nothing of the first source
        await run.http()
        pid = await run.running(stage)
        os.kill(pid, signal.SIGSTOP)
        write_source(folder / "second.jsonl", 3, "somebody else")
        report = await report_of(output, lambda told: told["stalled"])
        text = await status(output)
        async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
            over_http = (await http.get("/sources")).json()
        os.kill(pid, signal.SIGCONT)
        await wait_for_rows(output, lambda found: len(found) == 8)
        await report_of(output, lambda told: not told["stalled"])
        client = await nats.connect(run.url)
        events = await _events(client)
        await client.close()
        assert await run.stop() == 0

    (stalled,) = report["stalled"]
    assert (stalled["filename"], stalled["stage"], stalled["in_flight"]) == (
        "second.jsonl", stage, 3,
    )  # fmt: skip
    assert f"held by {stage} (absent)" in " ".join(text.split())
    assert over_http["stalled_sources"] == 1
    assert over_http["stalled"][0]["stage"] == stage
    assert [
        (family, one["filename"]) for family, one in events if one["filename"] == "second.jsonl"
    ] == [
        ("source.discovered", "second.jsonl"),
        ("source.stalled", "second.jsonl"),
        ("source.completed", "second.jsonl"),
    ]
    log = (output / "state" / "logs" / "discovery.log").read_text()
    told = [line for line in log.splitlines() if "stands_still" in line and "second" in line]
    assert len(told) == 1


async def _events(client: Any) -> list[tuple[str, dict[str, Any]]]:
    feed = await client.jetstream().subscribe("source.>", ordered_consumer=True)
    found = []
    async with asyncio.timeout(PATIENCE_S):
        while not any(
            family == "source.completed" and one["filename"] == "second.jsonl"
            for family, one in found
        ):
            message = await feed.next_msg(timeout=PATIENCE_S)
            found.append((message.subject.rsplit(".", 1)[0], json.loads(message.data)))
    return found
