"""Waits until a world of pairs is at rest, by its own look, and compares everything."""

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig, DeliverPolicy

from tests.chaos import inside, oracle
from tests.chaos.acting import WORK_STREAMS, Actor
from tests.chaos.subjects import Subject
from tests.chaos.world import PATIENCE_S, World

STILL = 5
"""So many looks in a row have to be the same."""
LOOK_S = 0.5
MOVEMENT_TOLERANCE = 0.02
DURABLE_GONE = 71
"""With this code a service ends, to be started again, when its consumer is another one."""


def read_files(folder: Path) -> tuple[oracle.Stored, dict[str, Any] | None, str]:
    """Read both public files: what they hold, the model that they name, and their version."""
    tables = []
    for name in ("logs.parquet", "embeddings.parquet"):
        with pa.OSFile(str(folder / name)) as file:
            tables.append(pq.ParquetFile(file).read().sort_by("id"))
    logs, vectors = tables
    marks = [table.schema.metadata or {} for table in tables]
    version = marks[0].get(b"mapstream.dataset_version", b"")
    if version != marks[1].get(b"mapstream.dataset_version", b""):
        raise pa.ArrowInvalid("the two files are of two versions")
    if not logs["id"].equals(vectors["id"]):
        raise AssertionError("the two files of one version have different ids")
    model = marks[0].get(b"mapstream.model")
    rows = logs.select(oracle.COLUMNS).to_pylist()
    stored = oracle.Stored(
        rows,
        np.stack(vectors["vector"].to_numpy()) if rows else np.empty((0, 1), np.float32),
        np.column_stack([logs["projection_x"], logs["projection_y"]]),
    )
    return stored, json.loads(model) if model else None, version.decode()


def arrays_of(model: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Decode mean (d,) and components (2, d) as the documentation says: base64 of float32."""
    mean, components = (
        np.frombuffer(base64.b64decode(model[name]), "<f4") for name in ("mean", "components")
    )
    return mean, components.reshape(2, -1)


@dataclass(slots=True)
class PairChecker:
    """Looks at one world."""

    world: World
    actor: Actor
    patience_s: float
    records: int = 0
    checks: int = 0
    versions: int = 0
    _seen_updates: int = 0
    _files: dict[str, tuple[oracle.Stored, dict[str, Any] | None, str]] = field(
        default_factory=dict
    )

    async def is_unsettled(self, subject: Subject) -> bool:
        """Tell whether the public map lacks anything of a source, or has what is old."""
        folder = self.world.output / "default"
        try:
            ids = await asyncio.to_thread(_ids_of, folder / "logs.parquet", subject.name)
        except (OSError, pa.ArrowException):
            return True
        wanted = {frozenset(one.rows) for one in subject.allowed(self.actor.limit)}
        return ids not in wanted

    async def settle(self) -> list[str]:
        """Wait until nothing is on its way and nothing changes; return what is wrong then.

        As long as something is wrong it waits on, until its patience is at an end: what is on its
        way inside of a service cannot be seen from outside.
        """
        end_s = time.monotonic() + self.patience_s
        before, same, problems = None, 0, ["nothing was looked at"]
        while time.monotonic() < end_s:
            await asyncio.sleep(LOOK_S)
            now = await self._look()
            same = same + 1 if now == before else 0
            before = now
            if same < STILL or now is None or now[0]:
                continue
            problems = await asyncio.to_thread(self._compare)
            if not problems:
                break
        self.checks += 1
        return problems + [one for one in self.world.surprises() if not self._was_meant(one)]

    def _was_meant(self, surprise: str) -> bool:
        """Tell whether a service ended because its durable consumer had been deleted."""
        return self.actor.has_lost_consumers and surprise.endswith(f"code {DURABLE_GONE}")

    async def _look(self) -> tuple[Any, ...] | None:
        """Return how much work the bus holds, and the versions of the public files."""
        js = self.world.client.jetstream(timeout=2)
        try:
            infos = [await js.stream_info(name) for name in (*WORK_STREAMS, "COMMANDS")]
        except (NatsError, TimeoutError):
            return None
        folders = [self.world.output / name for name in self.world.collections]
        stamps = [
            (file / "logs.parquet").stat().st_mtime_ns
            for file in folders
            if (file / "logs.parquet").exists()
        ]
        return sum(info.state.messages for info in infos), *stamps

    def _compare(self) -> list[str]:
        problems = []
        self.records = 0
        for collection in self.world.collections:
            try:
                problems += [f"{collection}: {one}" for one in self._faults_of(collection)]
            except FileNotFoundError as error:
                if any(True for _ in self.actor.subjects.of(collection)):
                    problems.append(f"{collection}: {error}")
            except (OSError, pa.ArrowException) as error:
                problems.append(f"{collection}: {error!r}")
        return problems

    def _faults_of(self, collection: str) -> Iterator[str]:
        stored, model, _ = read_files(self.world.output / collection)
        self.records += len(stored.rows)
        subjects = list(self.actor.subjects.of(collection))
        limit = self.actor.limit
        whole = {one.name: one.allowed(limit) for one in subjects if one.is_there}
        gone = {one.name: one.allowed(limit) for one in subjects if not one.is_there}
        parts = {name: [row for row in stored.rows if row["filename"] in names]
                 for name, names in (("whole", whole.keys()), ("gone", gone.keys()))}  # fmt: skip
        for name, allowed in (("whole", whole), ("gone", gone)):
            part = oracle.Stored(parts[name], stored.vectors[:0], stored.points[:0])
            yield from oracle.faults_of_rows(part, allowed, whole=name == "whole")
        if strangers := {row["filename"] for row in stored.rows} - whole.keys() - gone.keys():
            yield f"rows of {sorted(strangers)[:3]}, which never were sources"
        yield from oracle.faults_of_vectors(stored, self.actor.spaces)
        if model:
            yield from oracle.faults_of_points(stored, *arrays_of(model))
        counted = inside.counted(self.world.state, collection)
        if counted:
            yield from oracle.faults_of_moments(
                stored, counted.count, counted.mean, counted.scatter
            )
        if sorted(inside.table_rows(self.world.output, collection)) != [
            row["id"] for row in stored.rows
        ]:
            yield "the dataset and the public files have other ids"
        yield from self._faults_of_accounts(collection, stored)

    def _faults_of_accounts(self, collection: str, stored: oracle.Stored) -> Iterator[str]:
        rows = stored.by_source()
        accounts = inside.accounts(self.world.state, collection)
        for name, account in accounts.items():
            if account.seen != account.mapped + account.dead:
                yield f"{name}: the account does not close: {account}"
            if account.mapped != len(rows.get(name, {})):
                yield f"{name}: {account} has {len(rows.get(name, {}))} rows"
        if without := rows.keys() - accounts.keys():
            yield f"rows of {sorted(without)[:3]}, of which the ledger knows nothing"

    async def last_look(self) -> list[str]:
        """Fit once more, and compare the model with what is stored; open all that was kept."""
        problems = []
        for collection in self.world.collections:
            folder = self.world.output / collection
            try:
                before, _, _ = await asyncio.to_thread(read_files, folder)
            except FileNotFoundError:
                continue
            if not before.rows:
                continue
            event = await self._refit(collection)
            if event is None:
                problems.append(f"{collection}: a refit was not answered")
                continue
            problems += [
                f"{collection}: {one}" async for one in self._fitted(folder, before, event)
            ]
            for version, ids in await asyncio.to_thread(
                lambda name=collection: list(inside.every_version(self.world.output, name))
            ):
                self.versions += 1
                if len(ids) != len(set(ids)):
                    problems.append(f"{collection}: version {version} has ids twice")
        return problems

    async def _refit(self, collection: str) -> dict[str, Any] | None:
        """Command a refit and wait for the event that says what became of it."""
        js = self.world.client.jetstream(timeout=5)
        config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
        told = await js.pull_subscribe(
            f"projection.updated.{collection}", stream="EVENTS", config=config
        )
        body = {"force": True, "correlation_id": f"last-{collection}"}
        await js.publish(f"command.refit.{collection}", json.dumps(body).encode())
        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    for message in await told.fetch(1, timeout=PATIENCE_S):
                        await message.ack()
                        event = json.loads(message.data)
                        if event.get("correlation_id") == body["correlation_id"]:
                            return event
        except (TimeoutError, NatsError):
            return None
        finally:
            await told.unsubscribe()

    async def _fitted(self, folder: Path, before: oracle.Stored, event: dict[str, Any]) -> Any:
        model = event["model"]
        after, held = before, None
        end_s = time.monotonic() + self.patience_s
        while time.monotonic() < end_s and (held or {}).get("version") != model["version"]:
            await asyncio.sleep(LOOK_S)
            try:
                after, held, _ = await asyncio.to_thread(read_files, folder)
            except (OSError, pa.ArrowException):
                continue
        mean, components = arrays_of(model)
        for one in oracle.faults_of_points(after, mean, components):
            yield one
        for one in oracle.faults_of_plane(after, components, model["explained_variance_ratio"]):
            yield one
        measured, told = oracle.movement(before, after), (event.get("movement") or {}).get("rms")
        size = float(np.abs(after.points).max())
        if told is not None and abs(told - measured) > MOVEMENT_TOLERANCE * max(told, 1e-3 * size):
            yield f"points moved by {measured:.5g}, {told:.5g} was announced"


def _ids_of(file: Path, name: str) -> frozenset[str]:
    with pa.OSFile(str(file)) as opened:
        table = pq.ParquetFile(opened).read(columns=["id", "filename"])
    mine = table.filter(pa.compute.equal(table["filename"], name))
    return frozenset(mine["id"].to_pylist())
