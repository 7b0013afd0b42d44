"""``mapstream run`` from the outside: real processes, real server, real model, real logs."""

import asyncio
import base64
import json
import shutil
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import duckdb
import httpx
import nats
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.decomposition import PCA

from tests.e2e.attributes import check_attributes
from tests.e2e.exporting import check_exports
from tests.e2e.local_run import (
    EXAMPLES,
    PATIENCE_S,
    check_coordinates,
    end,
    expected_records,
    live_run,
    read_pair,
    read_table,
    rows,
    run_once,
    wait_for_rows,
    write_source,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
KILLED = ("discovery", "embedding", "projection", "writing", "text2vec", "nats-server")
OWNERS = ("discovery", "projection", "writing")
NODE = Path(__file__).parents[1] / "node"
DOCS = Path(__file__).parents[2] / "docs" / "examples"

LOGS = pa.schema(
    [
        ("id", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("filename", pa.string()),
        ("text", pa.string()),
        ("iteration", pa.int32()),
        ("idx_in_iteration", pa.int32()),
        ("type", pa.string()),
        ("projection_x", pa.float32()),
        ("projection_y", pa.float32()),
        ("attributes", pa.string()),
        ("arrived_at", pa.timestamp("us", tz="UTC")),
        ("source_version", pa.int32()),
        ("outcome", pa.string()),
        ("final_answer", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cost", pa.float64()),
    ]
)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    shutil.copytree(EXAMPLES, folder)
    return folder


async def test_once_maps_everything_and_again_changes_nothing(
    sources: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    first = await run_once(sources, output)
    before = rows(output)
    again = await run_once(sources, output)

    expected = expected_records(sources)
    assert (first.code, again.code) == (0, 0), first.text + again.text
    assert first.summary["records"] == {
        "seen": len(expected), "mapped": len(expected), "dead": 0, "in_flight": 0,
    }  # fmt: skip
    assert first.summary["sources"]["completed"] == 15
    assert first.summary["sources"]["incomplete"] == 1
    assert {row["id"]: row["text"] for row in before} == expected
    assert rows(output) == before
    assert again.summary["projection"] == first.summary["projection"]
    _check_files(output, len(expected))
    check_exports(output, tmp_path, "--from-dataset", str(output / "default"))


def _check_files(output: Path, count: int) -> None:
    folder = output / "default"
    logs = read_table(folder / "logs.parquet")
    vectors = read_table(folder / "embeddings.parquet")
    assert logs.schema.remove_metadata() == LOGS
    assert logs["arrived_at"].null_count == 0
    check_attributes(logs)
    assert vectors.schema.field("vector").type == pa.list_(pa.float32(), 256)
    name = str(folder / "logs.parquet")
    assert duckdb.read_parquet(name).aggregate("count(DISTINCT id)").fetchall() == [(count,)]
    assert pl.read_parquet(name).height == len(pd.read_parquet(name)) == count
    check_coordinates(output)
    matrix = np.stack(vectors.sort_by("id")["vector"].to_numpy()).astype(np.float64)
    wanted = PCA(n_components=2, svd_solver="full").fit_transform(matrix)
    sorted_logs = logs.sort_by("id")
    found = np.column_stack([sorted_logs["projection_x"], sorted_logs["projection_y"]])
    left, _, right = np.linalg.svd(wanted.T @ found)
    diagonal = np.linalg.norm(found.max(axis=0) - found.min(axis=0))
    assert np.abs(wanted @ (left @ right) - found).max() < 1e-4 * diagonal


async def test_a_live_run_takes_what_comes(sources: Path, tmp_path: Path) -> None:
    """A new file, an incomplete file that is finished, a changed file, a vanished service."""
    output = tmp_path / "out"
    async with live_run(sources, output, "--collection", "default") as run:
        known = await wait_for_rows(output, lambda found: len(found) == 68)

        write_source(sources / "new.jsonl", 5, "somebody")
        await wait_for_rows(output, lambda found: len(found) == len(known) + 5)

        unfinished = sources / "golden_rollout_7935a98.jsonl"
        with unfinished.open("a") as log:
            entry = {"type": "iteration", "iteration": 9, "response": "so", "final_answer": "42"}
            log.write(json.dumps(entry) + "\n")
        wanted = expected_records(sources)
        await wait_for_rows(output, lambda found: {row["id"] for row in found} == set(wanted))

        write_source(sources / "new.jsonl", 3, "somebody else")
        changed = await wait_for_rows(output, lambda found: texts_of(found, "new.jsonl", 3))
        assert len(changed) == len(wanted) - 2
        await run.settled(len(changed))
        check_coordinates(output)
        await _check_documented_subscribers(run.url, output, tmp_path, len(changed))
        assert await run.stop() == 0


def texts_of(found: list[dict[str, Any]], filename: str, count: int) -> bool:
    """Tell whether a source is shown as it was written last, all of it."""
    texts = [row["text"] for row in found if row["filename"] == filename]
    return len(texts) == count and all(text.startswith("somebody else") for text in texts)


async def _check_documented_subscribers(
    url: str, output: Path, tmp_path: Path, points: int
) -> None:
    logs, vectors = read_pair(output)
    file = tmp_path / "vectors.npy"
    np.save(file, np.stack(vectors["vector"].to_numpy()))
    model = check_coordinates(output)
    told = await _first_lines(DOCS / "subscribe_to_models.py", url, str(file), lines=model.version)
    assert json.loads(told[-1])["version"] == model.version
    found = np.column_stack([logs["projection_x"], logs["projection_y"]])
    np.testing.assert_allclose(json.loads(told[-1])["points"], found, rtol=0, atol=1e-5)

    table = await _first_lines(DOCS / "read_points.py", url, str(points), lines=3)
    assert "shape:" in table[0]


async def _first_lines(script: Path, *arguments: str, lines: int) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), *arguments, stdout=asyncio.subprocess.PIPE, limit=1 << 24
    )
    assert process.stdout
    try:
        async with asyncio.timeout(PATIENCE_S):
            return [(await process.stdout.readline()).decode() for _ in range(lines)]
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_refit_over_the_bus_and_over_http_are_the_same(
    sources: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    async with live_run(sources, output) as run:
        await wait_for_rows(output, lambda found: len(found) == 68)
        await run.settled(68)
        before = check_coordinates(output)
        client = await nats.connect(run.url)
        await client.publish("command.refit.default", b"{}")
        await client.flush()
        async with asyncio.timeout(PATIENCE_S):
            while check_coordinates(output).version == before.version:
                await asyncio.sleep(0.1)
        await client.close()
        over_bus = check_coordinates(output)

        await run.http()
        async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
            health = (await http.get("/health")).json()
            answer = await http.post("/recompute-projection")
        over_http = check_coordinates(output)

        assert health["status"] == "ok"
        assert health["pipeline_running"] is True
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "ok"
        assert answer.json()["record_count"] == 68
        assert answer.json()["version"] == over_http.version == over_bus.version + 1
        exported = await asyncio.to_thread(
            check_exports, output, tmp_path, "--output", str(output)
        )
        assert exported == over_http.version
        np.testing.assert_allclose(
            over_http.plane().components, over_bus.plane().components, rtol=0, atol=1e-6
        )
        assert await run.stop() == 0


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
async def test_a_subscriber_in_javascript_projects_to_the_same_point(
    sources: Path, tmp_path: Path
) -> None:
    assert (NODE / "node_modules" / "@nats-io").is_dir(), "run: make setup-dev"
    output = tmp_path / "out"
    async with live_run(sources, output) as run:
        await wait_for_rows(output, lambda found: len(found) == 68)
        await run.settled(68)
        model = check_coordinates(output)
        row = read_table(output / "default" / "embeddings.parquet").slice(0, 1).to_pylist()[0]
        vector = base64.b64encode(np.array(row["vector"], dtype="<f4").tobytes()).decode()
        process = await asyncio.create_subprocess_exec(
            "node", "subscriber.mjs", run.url, vector, str(model.version),
            cwd=NODE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(PATIENCE_S):
                out, _ = await process.communicate()
        finally:
            await end(process)
        found = {one["id"]: one for one in rows(output)}[row["id"]]

    told = json.loads(out.decode().strip().split("\n")[-1])
    assert told["version"] == model.version
    place = [found["projection_x"], found["projection_y"]]
    np.testing.assert_allclose(told["point"], place, rtol=0, atol=1e-5)


async def test_whatever_is_killed_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    """Each is killed three times while a few thousand records flow, and started again."""
    folder, output = tmp_path / "runs", tmp_path / "out"
    write_source(folder / "run-0.jsonl", 50, "agent")

    async def feed() -> None:
        for number in range(1, 60):
            write_source(folder / f"run-{number}.jsonl", 50, f"agent {number % 7}")
            await asyncio.sleep(0.3)

    async with live_run(folder, output) as run, asyncio.TaskGroup() as group:
        await wait_for_rows(output, lambda found: len(found) >= 50)
        group.create_task(feed())
        for number, name in enumerate(3 * KILLED):
            wanted = 100 + 150 * number
            await wait_for_rows(output, lambda found, least=wanted: len(found) >= least)
            await run.kill(name)
        await wait_for_rows(output, lambda found: len(found) >= 3000)
        assert await run.stop() == 0

    finished = await run_once(folder, output)
    assert finished.code == 0, finished.text
    assert finished.summary["records"] == {
        "seen": 3000, "mapped": 3000, "dead": 0, "in_flight": 0,
    }  # fmt: skip
    found = rows(output)
    assert {row["id"]: row["text"] for row in found} == expected_records(folder)
    assert len(found) == 3000
    check_coordinates(output)


async def test_second_copies_wait_and_take_over(tmp_path: Path) -> None:
    folder, output = tmp_path / "runs", tmp_path / "out"
    write_source(folder / "first.jsonl", 20, "somebody")
    async with live_run(folder, output) as run, AsyncExitStack() as copies:
        await wait_for_rows(output, lambda found: len(found) == 20)
        for service in OWNERS:
            second = await copies.enter_async_context(run.second(service))
            assert second.stderr
            async with asyncio.timeout(PATIENCE_S):
                while b"service.standby" not in (line := await second.stderr.readline()):
                    assert line, f"{service} ended"
        write_source(folder / "second.jsonl", 20, "somebody")
        await wait_for_rows(output, lambda found: len(found) == 40)
        for service in OWNERS:
            await run.kill(service)
        write_source(folder / "third.jsonl", 20, "somebody")
        await wait_for_rows(output, lambda found: len(found) == 60)
    assert {row["id"]: row["text"] for row in rows(output)} == expected_records(folder)
    check_coordinates(output)


async def test_bad_lines_are_named_and_the_rest_is_mapped(tmp_path: Path) -> None:
    folder, output = tmp_path / "runs", tmp_path / "out"
    write_source(folder / "good.jsonl", 4, "somebody")
    bad = folder / "bad.jsonl"
    good_line = json.dumps({"type": "iteration", "iteration": 1, "response": "fine"})
    last = json.dumps({"type": "iteration", "iteration": 2, "response": "end", "final_answer": 1})
    bad.write_text(f"{good_line}\n{{not json\n{last}\n")

    finished = await run_once(folder, output)

    assert finished.code == 3
    assert finished.summary["records"] == {"seen": 7, "mapped": 6, "dead": 1, "in_flight": 0}
    assert "bad.jsonl:2" in finished.text


async def test_a_mistake_in_the_configuration_is_named(tmp_path: Path) -> None:
    write_source(tmp_path / "runs" / "a.jsonl", 1, "somebody")
    config = tmp_path / "config.yaml"
    config.write_text("embedding:\n  batch_size: 0\n")

    finished = await run_once(tmp_path / "runs", tmp_path / "out", "--config", str(config))

    assert finished.code == 2
    assert "config.yaml" in finished.text
    assert "embedding.batch_size" in finished.text


async def test_a_dry_run_counts_and_touches_nothing(sources: Path, tmp_path: Path) -> None:
    finished = await run_once(sources, tmp_path / "out", "--dry-run")

    assert finished.code == 0
    assert finished.summary["complete"] == 15
    assert finished.summary["waiting"] == 1
    assert finished.summary["records"] == len(expected_records(sources)) == 68
    assert not (tmp_path / "out").exists()
