"""What the system says and holds, collected from the outside."""

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lance
import numpy as np
from nats.js.api import ConsumerConfig, DeliverPolicy

from shared.bus.publishing.dead_letters import read_dead_letter
from shared.contracts.dead_letters import DeadLetter
from tests.chaos import inside
from tests.chaos.world import PATIENCE_S, ROOT, World


@dataclass(frozen=True, slots=True)
class Moments:
    """Projection's checkpoint."""

    count: int
    mean: np.ndarray
    scatter: np.ndarray
    owes_refit: bool


def moments(world: World) -> Moments | None:
    """Read the checkpoint; none if there is none yet."""
    file = world.state / "projection" / "projection.sqlite"
    if not file.exists():
        return None
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        row = db.execute(
            "SELECT collection, owes_refit FROM moments WHERE collection = 'default'"
        ).fetchone()
        counted = inside.summed(db, row[0]) if row else None
    if counted is None:
        return None
    return Moments(counted.count, counted.mean, counted.scatter, bool(row[1]))


def models(world: World) -> set[int]:
    """Return the versions of all models that were ever made."""
    file = world.state / "projection" / "projection.sqlite"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        return {
            version
            for (version,) in db.execute("SELECT version FROM models WHERE collection = 'default'")
        }


def ledger(world: World) -> dict[str, dict[str, Any]]:
    """Read discovery's account of every source, by filename."""
    file = world.state / "discovery" / "discovery.sqlite"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute(
            "SELECT filename, status, source_version, seen, mapped, dead FROM sources"
            " WHERE collection = 'default'"
        ).fetchall()
    return {row["filename"]: dict(row) for row in rows}


def store(world: World) -> tuple[list[str], set[int]]:
    """Return the ids in the dataset and the models of its coordinates."""
    table = lance.dataset(str(world.public / "store.lance")).to_table(
        columns=["id", "model_version"]
    )
    return table["id"].to_pylist(), set(table["model_version"].to_pylist())


def texts(table: Path) -> list[tuple[str, str]]:
    """Return the ids and texts of a dataset; none while its first version is being made."""
    if not any((table / "_versions").glob("*.manifest")):
        return []
    rows = lance.dataset(str(table)).to_table(columns=["id", "text"])
    return list(zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True))


async def status(world: World) -> dict[str, Any]:
    """Run ``mapstream status --json``, as soon as every stage answers in time."""
    end_s = time.monotonic() + PATIENCE_S
    code, told = await _status(world)
    while code and time.monotonic() < end_s:
        code, told = await _status(world)
    return told


async def _status(world: World) -> tuple[int | None, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "status", "--json", "--url", world.url,
        "--collection", "default",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode, json.loads(out) if out.strip() else {}


@dataclass(slots=True)
class Listener:
    """Reads what the public streams got since it last looked."""

    world: World
    _next: dict[str, int] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    """Messages that a stream got twice."""
    dead: list[DeadLetter] = field(default_factory=list)
    completed: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Filename to the last ``source.completed``."""
    models: set[int] = field(default_factory=set)
    """Versions that ``projection.updated`` has told of."""

    async def catch_up(self) -> None:
        for stream in ("EVENTS", "POINTS", "DEAD_LETTERS"):
            await self._read(stream)

    async def _read(self, stream: str) -> None:
        js = self.world.client.jetstream(timeout=PATIENCE_S)
        info = await js.stream_info(stream)
        start = self._next.get(stream, 1)
        if info.state.last_seq < start:
            return
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=start,
            headers_only=stream == "POINTS",
        )
        subscription = await js.pull_subscribe(">", stream=stream, config=config)
        seen = self.ids.setdefault(stream, set())
        while self._next.get(stream, 1) <= info.state.last_seq:
            for message in await subscription.fetch(256, timeout=PATIENCE_S):
                headers = message.headers or {}
                name = headers.get("ce-id", "")
                if name in seen:
                    self.twice.append(f"{message.subject} {name}")
                seen.add(name)
                self._next[stream] = message.metadata.sequence.stream + 1
                self._take(stream, message.subject, headers, message.data)
                await message.ack()
        await subscription.unsubscribe()

    def _take(self, stream: str, subject: str, headers: Mapping[str, str], body: bytes) -> None:
        if stream == "DEAD_LETTERS":
            self.dead.append(read_dead_letter(subject, headers, body))
        elif subject == "source.completed.default":
            event = json.loads(body)
            self.completed[event["filename"]] = event
        elif subject == "projection.updated.default":
            self.models.add(json.loads(body)["model"]["version"])
