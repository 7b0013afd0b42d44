"""A version of which too much died does not take the place of the one that is on the map."""

import json
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.commands import verify
from tests.e2e.damages import verified
from tests.e2e.local_run import LiveRun, check_coordinates, live_run, rows, wait_for_rows
from tests.e2e.test_dead_letters import mapstream
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
SMALL, LARGE = "small.jsonl", "large.jsonl"
BAD = [f"small, second, {number}" for number in range(3)]
"""Three texts of four that the server refuses."""


def put(folder: Path, name: str, version: str, records: int, torn: int = 0) -> None:
    """Put a file in place of one: records, then lines that cannot be read, and its end."""
    stem = name.removesuffix(".jsonl")
    lines = [
        json.dumps(
            {"type": "iteration", "iteration": one, "response": f"{stem}, {version}, {one}"}
        )
        for one in range(records)
    ]
    lines += ["{torn"] * torn
    beside = folder / f"{name}.new"
    beside.write_text("\n".join([*lines, json.dumps({"final_answer": "done"}), ""]))
    beside.replace(folder / name)


def told(found: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    """Count rows by source and version."""
    return Counter((one["filename"], one["text"].split(", ")[1]) for one in found)


async def sources(run: LiveRun) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=run.gateway, timeout=60) as http:
        with suppress(httpx.TransportError):
            answer = await http.get("/sources")
            return answer.json() if answer.status_code == 200 else {}
    return {}


async def held(run: LiveRun, *names: str) -> dict[str, Any]:
    """Wait until the versions of these sources are held back, and no others."""
    found: dict[str, Any] = {}

    async def is_so() -> bool:
        found.clear()
        found.update(await sources(run))
        failures = found.get("failures", [])
        is_all = {one["filename"] for one in failures if one["is_held"]} == set(names)
        return is_all and found["records"]["in_flight"] == found["records"]["held"]

    await until(is_so)
    return found


async def test_too_dead_a_version_waits_until_letters_are_replayed_or_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, output = tmp_path / "runs", tmp_path / "out"
    folder.mkdir()
    put(folder, SMALL, "first", 4)
    put(folder, LARGE, "first", 200)
    first = {(SMALL, "first"): 4, (LARGE, "first"): 200}
    mind = FakeEmbedder(poison=BAD)
    async with EmbeddingServer(mind).running() as url:
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
        async with live_run(folder, output) as run:
            await run.settled(204)
            put(folder, SMALL, "second", 4)
            put(folder, LARGE, "second", 150, torn=200)
            figures = await held(run, SMALL, LARGE)
            before = await wait_for_rows(output, bool)
            _, status = await mapstream(output, "status")
            _, page = await mapstream(output, "dead", "list", "--stage", "embedding")

            # What waits is there after a crash, and what comes of a replay waits with it.
            await run.kill("discovery")
            mind.poison.clear()
            letters = [str(one["sequence"]) for one in page["items"]]
            await mapstream(output, "dead", "replay", letters[0])
            after = await wait_for_rows(output, lambda found: told(found)[SMALL, "first"] == 0)
            await mapstream(output, "dead", "replay", *letters[1:])
            await held(run, LARGE)
            await mapstream(output, "dead", "drop", "--stage", "discovery")
            await run.settled(154)
            assert await run.stop() == 0

    assert told(before) == first
    # Of the small one, a record waits that could be embedded, and of the large one 150 do.
    assert (figures["records"]["mapped"], figures["records"]["held"]) == (0, 151)
    assert status["held"] == 151
    reasons = {one["filename"]: one["reason"] for one in status["failures"]}
    assert "3 of its 4 records" in reasons[SMALL]
    assert "200 of its 350 records" in reasons[LARGE]
    assert told(after)[LARGE, "first"] == 200
    assert told(after)[SMALL, "second"] == 2
    assert told(rows(output)) == {(SMALL, "second"): 4, (LARGE, "second"): 150}
    check_coordinates(output)


async def test_moments_that_are_lost_while_a_version_waits_are_counted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What waits is nowhere in the dataset: its vectors are missed when it is shown."""
    folder, output = tmp_path / "runs", tmp_path / "out"
    folder.mkdir()
    put(folder, SMALL, "first", 4)
    mind = FakeEmbedder(poison=BAD)
    async with EmbeddingServer(mind).running() as url:
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
        async with live_run(folder, output) as run:
            await run.settled(4)
            put(folder, SMALL, "second", 4)
            await held(run, SMALL)
            _, page = await mapstream(output, "dead", "list", "--stage", "embedding")
            assert await run.stop() == 0
        shutil.rmtree(output / "state" / "projection")
        mind.poison.clear()

        async with live_run(folder, output) as run:
            await held(run, SMALL)
            letters = [str(one["sequence"]) for one in page["items"]]
            await mapstream(output, "dead", "replay", *letters)
            await run.settled(4)
            log = output / "state" / "logs" / "projection.log"
            await until(lambda: "state.counted_anew" in log.read_text())
            assert await run.stop() == 0

    assert told(rows(output)) == {(SMALL, "second"): 4}
    code, said = await verified(output, capsys)
    assert (code, said["differences"]) == (verify.EQUAL, [])


async def test_a_ledger_that_is_lost_while_a_version_waits_shows_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next version must not have its number: what waits of both would be shown together."""
    folder, output = tmp_path / "runs", tmp_path / "out"
    folder.mkdir()
    put(folder, SMALL, "first", 4)
    async with EmbeddingServer(FakeEmbedder(poison=BAD)).running() as url:
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
        async with live_run(folder, output) as run:
            await run.settled(4)
            put(folder, SMALL, "second", 4)
            await held(run, SMALL)
            assert await run.stop() == 0
        shutil.rmtree(output / "state" / "discovery")
        put(folder, SMALL, "third", 5)

        async with live_run(folder, output) as run:
            await run.settled(5)
            assert await run.stop() == 0

    assert told(rows(output)) == {(SMALL, "third"): 5}
    code, said = await verified(output, capsys)
    assert (code, said["differences"]) == (verify.EQUAL, [])
