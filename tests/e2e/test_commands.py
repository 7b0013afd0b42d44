"""Refit, rollback and forget over the bus, looked at in the files."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import lance
import nats
import numpy as np
import pytest
from nats.js import JetStreamContext
from sklearn.decomposition import PCA

from shared.contracts.projection import ProjectionModel
from tests.e2e.local_run import (
    PATIENCE_S,
    check_coordinates,
    expected_records,
    live_run,
    read_pair,
    read_table,
    rows,
    wait_for_rows,
    write_source,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


class Bus:
    """Publishes commands and waits for what answers them."""

    def __init__(self, js: JetStreamContext) -> None:
        self.js = js
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def listen(self) -> None:
        feed = await self.js.subscribe(stream="EVENTS", subject="", ordered_consumer=True)
        async for message in feed.messages:
            family = message.subject.rsplit(".", 1)[0]
            self.events.append((family, json.loads(message.data)))

    async def ask(self, command: str, *answers: str, **fields: Any) -> dict[str, Any]:
        cause = str(uuid4())
        body = json.dumps({"correlation_id": cause} | fields).encode()
        await self.js.publish(f"command.{command}.default", body)
        return await self.wait(
            lambda family, event: family in answers and event["correlation_id"] == cause
        )

    async def published(self, version: int) -> dict[str, Any]:
        return await self.wait(
            lambda family, event: (
                family == "writing.published"
                and (event["model_version"] or 0) >= version
                and event["movement"] is not None
            )
        )

    async def wait(self, is_it: Any) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for family, event in self.events:
                    if is_it(family, event):
                        return event
                await asyncio.sleep(0.05)


def coordinates(output: Path) -> dict[str, tuple[float, float]]:
    return {row["id"]: (row["projection_x"], row["projection_y"]) for row in rows(output)}


def check_exact(output: Path) -> None:
    """The map is the PCA of what it holds, up to a turn."""
    logs, vectors = read_pair(output)
    matrix = np.stack(vectors["vector"].to_numpy()).astype(np.float64)
    wanted = PCA(n_components=2, svd_solver="full").fit_transform(matrix)
    found = np.column_stack([logs["projection_x"], logs["projection_y"]]).astype(np.float64)
    left, _, right = np.linalg.svd(wanted.T @ found)
    diagonal = np.linalg.norm(found.max(axis=0) - found.min(axis=0))
    assert np.abs(wanted @ (left @ right) - found).max() < 1e-4 * diagonal


async def test_refit_rollback_and_forget(tmp_path: Path) -> None:
    folder, output = tmp_path / "runs", tmp_path / "out"
    for number in range(12):
        write_source(folder / f"run-{number}.jsonl", 10, f"agent {number % 5} says")
    async with live_run(folder, output) as run, asyncio.TaskGroup() as group:
        await run.settled(120)
        client = await nats.connect(run.url)
        bus = Bus(client.jetstream(timeout=PATIENCE_S))
        listening = group.create_task(bus.listen())

        before = coordinates(output)
        preview = await bus.ask("refit", "projection.previewed", dry_run=True)
        assert coordinates(output) == before
        updated = await bus.ask("refit", "projection.updated", force=True)
        version = updated["model"]["version"]
        published = await bus.published(version)
        assert updated["movement"] == preview["movement"]
        assert published["movement"]["points"] == 120
        predicted, measured = updated["movement"]["rms"], published["movement"]["rms"]
        assert measured == pytest.approx(predicted, rel=1e-4, abs=1e-7)
        check_coordinates(output)
        check_exact(output)

        await bus.ask("rollback", "projection.updated", to_version=version - 1)
        await bus.published(version + 1)
        assert coordinates(output) == before

        refused = await bus.ask("rollback", "projection.rejected", to_version=99)
        assert "99" in refused["reason"]
        unknown = await bus.ask("forget", "source.rejected", source="nobody.jsonl")
        assert "nobody.jsonl" in unknown["reason"]

        forgotten = await bus.ask("forget", "source.forgotten", source="run-3.jsonl")
        assert forgotten["filename"] == "run-3.jsonl"
        await bus.wait(
            lambda family, event: (
                family == "projection.updated" and event["decision"]["trigger"] == "forget"
            )
        )
        await bus.published(version + 2)
        left = await wait_for_rows(output, lambda found: len(found) == 110)
        await run.settled(110)
        assert not [row for row in left if row["filename"] == "run-3.jsonl"]
        check_coordinates(output)
        check_exact(output)

        write_source(folder / "run-3.jsonl", 4, "somebody new")
        await wait_for_rows(output, lambda found: len(found) == 114)
        listening.cancel()
        await client.close()
        assert await run.stop() == 0


def look(output: Path) -> int | None:
    """Open store and files as any reader may; returns the one model of all coordinates."""
    folder = output / "default"
    store = lance.dataset(str(folder / "store.lance")).to_table(columns=["id", "model_version"])
    assert len(set(store["id"].to_pylist())) == store.num_rows
    assert len(set(store["model_version"].to_pylist())) <= 1
    logs = read_table(folder / "logs.parquet").sort_by("id")
    vectors = read_table(folder / "embeddings.parquet").sort_by("id")
    marks, others = logs.schema.metadata, vectors.schema.metadata
    if marks[b"mapstream.dataset_version"] != others[b"mapstream.dataset_version"]:
        return None  # the second file is about to be replaced
    if b"mapstream.model" not in marks:
        return None
    model = ProjectionModel.model_validate_json(marks[b"mapstream.model"])
    assert logs["id"].equals(vectors["id"])
    wanted = model.plane().project(np.stack(vectors["vector"].to_numpy()))
    found = np.column_stack([logs["projection_x"], logs["projection_y"]])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    return model.version


async def until(is_it: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_it():
            await asyncio.sleep(0.05)


async def test_twenty_refits_while_records_flow(tmp_path: Path) -> None:
    """Nothing lost or doubled, and every look at files and store finds one whole map."""
    folder, output = tmp_path / "runs", tmp_path / "out"
    write_source(folder / "first.jsonl", 30, "somebody")
    seen: set[int] = set()

    async def read() -> None:
        while True:
            version = await asyncio.to_thread(look, output)
            seen.update([version] if version else [])
            await asyncio.sleep(0.05)

    async def feed() -> None:
        for number in range(60):
            write_source(folder / f"run-{number}.jsonl", 50, f"agent {number % 9} says")
            await asyncio.sleep(0.1)

    async with live_run(folder, output) as run, asyncio.TaskGroup() as group:
        await wait_for_rows(output, lambda found: len(found) == 30)
        client = await nats.connect(run.url)
        bus = Bus(client.jetstream(timeout=PATIENCE_S))
        background = [group.create_task(one) for one in (bus.listen(), read())]
        feeding = group.create_task(feed())
        versions = []
        for number in range(20):
            event = await bus.ask(
                "refit", "projection.updated", force=True, reason=f"no. {number}"
            )
            versions.append(event["model"]["version"])
            if number % 5 == 4:  # files are replaced more seldom than models
                await until(lambda: max(seen, default=0) >= versions[-1])
        await feeding
        await run.settled(3030)
        last = check_coordinates(output).version
        for task in background:
            task.cancel()
        await client.close()
        assert await run.stop() == 0

    assert versions == sorted(set(versions))
    assert last >= versions[-1]
    assert len(seen) > 3
    assert {row["id"]: row["text"] for row in rows(output)} == expected_records(folder)
