"""Keeps moments, applied batches and models in one SQLite file, checkpoint by checkpoint."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import aiosqlite
import numpy as np

from services.projection.domain.moments import Moments
from services.projection.domain.movement import MovementFigures
from services.projection.domain.refits import DecisionFigures, HeldRefit
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.ports import Checkpoint
from shared.errors import TransientError
from shared.observability.steps import step
from shared.plane import COMPONENTS, Plane
from shared.sqlite_state import StateFormat, open_state, sql

TABLES = """
CREATE TABLE moments (
    collection TEXT PRIMARY KEY, dimension INTEGER NOT NULL, count INTEGER NOT NULL,
    mean BLOB NOT NULL, scatter BLOB NOT NULL, revision INTEGER NOT NULL,
    owes_refit INTEGER NOT NULL, forgotten_version INTEGER NOT NULL, held TEXT
) STRICT;
CREATE TABLE batches (
    collection TEXT NOT NULL, batch_id TEXT NOT NULL, records INTEGER NOT NULL,
    is_counted INTEGER NOT NULL, retracted_at INTEGER, PRIMARY KEY (collection, batch_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_by_retraction ON batches (retracted_at) WHERE retracted_at IS NOT NULL;
CREATE TABLE models (
    collection TEXT NOT NULL, version INTEGER NOT NULL, parent INTEGER, dimension INTEGER NOT NULL,
    mean BLOB NOT NULL, components BLOB NOT NULL, explained_variance_ratio TEXT NOT NULL,
    record_count INTEGER NOT NULL, reason TEXT NOT NULL, created_at TEXT NOT NULL,
    revision INTEGER NOT NULL, movement TEXT, decision TEXT, correlation_ids TEXT NOT NULL,
    is_announced INTEGER NOT NULL DEFAULT 0, explained_variance TEXT,
    PRIMARY KEY (collection, version)
) STRICT;
"""
UPGRADES = {2: "ALTER TABLE models ADD COLUMN explained_variance TEXT;"}
FORMAT = StateFormat("projection", 3, TABLES, upgrades=UPGRADES)
MODEL_COLUMNS = (
    "version, parent, dimension, mean, components, explained_variance_ratio, record_count, "
    "reason, created_at, revision, movement, decision, correlation_ids, explained_variance"
)


@asynccontextmanager
async def open_store(
    file: Path, *, keep_models: int = 100, keep_retracted_s: float = 86_400
) -> AsyncIterator["SqliteProjectionStore"]:
    """Open the store, creating it if it is new.

    Args:
        file: Where it is.
        keep_models: So many models of a collection are kept; the oldest go first.
        keep_retracted_s: How long the ids of batches that left the moments are kept, seconds.

    Raises:
        ConfigurationError: The file is of another service or format, or no database.
    """
    db = await open_state(file, FORMAT)
    try:
        yield SqliteProjectionStore(db, keep_models, keep_retracted_s)
    finally:
        await db.close()


class SqliteProjectionStore:
    """The store of an open database."""

    def __init__(
        self, db: aiosqlite.Connection, keep_models: int, keep_retracted_s: float
    ) -> None:
        self._db = db
        self._keep_models = keep_models
        self._keep_retracted_s = round(keep_retracted_s)
        self._writing = asyncio.Lock()

    async def load(self, collection: str) -> CollectionState:
        """Return the state as of the last checkpoint."""
        state = CollectionState(collection)
        query = (
            "SELECT count, mean, scatter, dimension, revision, owes_refit, forgotten_version, held"
            " FROM moments WHERE collection = ?"
        )
        async with self._db.execute(query, (collection,)) as cursor:
            row = await cursor.fetchone()
        if row:
            count, mean, scatter, dimension, state.revision, owes_refit, forgotten, _ = row
            state.owes_refit, state.forgotten_version = bool(owes_refit), forgotten
            square = np.frombuffer(scatter).reshape(dimension, dimension).copy()
            state.moments = Moments(count, np.frombuffer(mean).copy(), square)
        models = await self._models(collection, "ORDER BY version DESC LIMIT 1")
        if models:
            state.take_model(models[0])
        if row and row[-1]:
            state.hold(_held(row[-1]))
        return state

    async def known(self, collection: str, batch_ids: Iterable[str]) -> Mapping[str, bool]:
        """Return those batches that were ever applied, and whether each is still counted."""
        query = """SELECT batch_id, is_counted FROM batches
            WHERE collection = ? AND batch_id IN (SELECT value FROM json_each(?))"""
        async with self._db.execute(query, (collection, json.dumps(list(batch_ids)))) as cursor:
            return {batch_id: bool(counted) for batch_id, counted in await cursor.fetchall()}

    async def save(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint in one transaction."""
        with step("checkpoint"):
            await self._save(checkpoint)

    async def _save(self, checkpoint: Checkpoint) -> None:
        collection, moments = checkpoint.collection, checkpoint.moments
        async with self._transaction() as db:
            await db.execute(
                "REPLACE INTO moments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    collection,
                    moments.dimension,
                    moments.count,
                    moments.mean.tobytes(),
                    np.ascontiguousarray(moments.scatter).tobytes(),
                    checkpoint.revision,
                    checkpoint.owes_refit,
                    checkpoint.forgotten_version,
                    json.dumps(asdict(checkpoint.held)) if checkpoint.held else None,
                ),
            )
            await db.executemany(
                "INSERT INTO batches VALUES (?, ?, ?, 1, NULL)",
                [(collection, batch_id, n) for batch_id, n in checkpoint.applied.items()],
            )
            await db.executemany(
                "UPDATE batches SET is_counted = 0, retracted_at = unixepoch()"
                " WHERE collection = ? AND batch_id = ?",
                [(collection, batch_id) for batch_id in checkpoint.retracted],
            )
            if checkpoint.retracted:
                await db.execute(
                    "DELETE FROM batches WHERE retracted_at < unixepoch() - ?",
                    (self._keep_retracted_s,),
                )
            if checkpoint.model:
                await db.execute(
                    sql(
                        f"INSERT INTO models (collection, {MODEL_COLUMNS})",
                        f"VALUES (?{', ?' * 14})",
                    ),
                    (collection, *_model_values(checkpoint.model)),
                )
                await db.execute(
                    "DELETE FROM models WHERE collection = ? AND version <= ? AND is_announced",
                    (collection, checkpoint.model.version - self._keep_models),
                )

    async def get_model(self, collection: str, version: int) -> ModelVersion | None:
        """Return a model of the history, if it is there."""
        models = await self._models(collection, "AND version = ?", version)
        return models[0] if models else None

    async def answered(self, collection: str, correlation_ids: Iterable[str]) -> set[str]:
        """Return those commands that led to a model of the history."""
        query = """SELECT asked.value FROM models, json_each(models.correlation_ids) AS asked
            WHERE collection = ? AND asked.value IN (SELECT value FROM json_each(?))"""
        wanted = json.dumps(list(correlation_ids))
        async with self._db.execute(query, (collection, wanted)) as cursor:
            return {correlation_id for (correlation_id,) in await cursor.fetchall()}

    async def unannounced(self, collection: str) -> Sequence[ModelVersion]:
        """Return the models that were stored but perhaps not published, oldest first."""
        return await self._models(collection, "AND is_announced = 0 ORDER BY version")

    async def mark_announced(self, collection: str, version: int) -> None:
        """Note that a model was published."""
        async with self._transaction() as db:
            await db.execute(
                "UPDATE models SET is_announced = 1 WHERE collection = ? AND version = ?",
                (collection, version),
            )

    async def _models(self, collection: str, rest: str, *values: int) -> list[ModelVersion]:
        query = sql("SELECT", MODEL_COLUMNS, "FROM models WHERE collection = ?", rest)
        async with self._db.execute(query, (collection, *values)) as cursor:
            return [_model(row) for row in await cursor.fetchall()]

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._writing:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    await self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:  # SQLite itself takes back what has no room
                        await self._db.execute("ROLLBACK")
                    raise
            except aiosqlite.OperationalError as error:
                raise TransientError(
                    f"the projection's state cannot be stored: {error}"
                ) from error


def _model_values(model: ModelVersion) -> tuple[Any, ...]:
    return (
        model.version,
        model.parent,
        model.plane.dimension,
        model.plane.mean.tobytes(),
        model.plane.components.tobytes(),
        json.dumps(model.explained_variance_ratio),
        model.record_count,
        model.reason,
        model.created_at.isoformat(),
        model.revision,
        json.dumps(asdict(model.movement)) if model.movement else None,
        json.dumps(asdict(model.decision)) if model.decision else None,
        json.dumps(model.correlation_ids),
        json.dumps(model.explained_variance) if model.explained_variance else None,
    )


def _held(document: str) -> HeldRefit:
    told = json.loads(document)
    return HeldRefit(
        MovementFigures(**told["movement"]), DecisionFigures(**told["decision"]), told["revision"]
    )


def _model(row: Any) -> ModelVersion:
    version, parent, dimension, mean, components, ratio, count, reason, at, *rest = row
    revision, movement, decision, correlation_ids, variance = rest
    axes = np.frombuffer(components, dtype=np.float32).reshape(COMPONENTS, dimension)
    return ModelVersion(
        version=version,
        parent=parent,
        plane=Plane(np.frombuffer(mean, dtype=np.float32), axes),
        explained_variance_ratio=_both(ratio),
        explained_variance=_both(variance) if variance else None,
        record_count=count,
        reason=reason,
        created_at=datetime.fromisoformat(at),
        revision=revision,
        movement=MovementFigures(**json.loads(movement)) if movement else None,
        decision=DecisionFigures(**json.loads(decision)) if decision else None,
        correlation_ids=tuple(json.loads(correlation_ids)),
    )


def _both(document: str) -> tuple[float, float]:
    first, second = json.loads(document)
    return first, second
