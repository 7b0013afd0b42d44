"""Keeps moments, applied batches and models in one SQLite file, checkpoint by checkpoint."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import anyio.to_thread
import numpy as np

from services.projection.adapters.sqlite_format import FORMAT
from services.projection.adapters.sqlite_histories import SqliteHistories
from services.projection.adapters.sqlite_journal import (
    count_doubts,
    count_unsettled,
    count_waiting,
    read_candidates,
    read_doubts,
    read_everything,
    read_floors,
    read_places,
    used_segments,
    write_journal,
)
from services.projection.adapters.sqlite_models import (
    MODEL_COLUMNS,
    held_of,
    model_of,
    model_values,
)
from services.projection.adapters.sqlite_moments import read_moments, write_moments
from services.projection.adapters.sqlite_removal import remove_some
from services.projection.adapters.vector_files import VectorFiles
from services.projection.domain.pending import Candidate, Floor
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.ports import Checkpoint, Everything, Unsettled
from shared.errors import TransientError
from shared.failpoints import Failpoint, reached
from shared.observability.steps import step
from shared.sqlite_state import (
    open_state,
    rows_of,
    sql,
    write_rows,
)

Result = TypeVar("Result")
REMOVED_AT_ONCE = 1000
"""Rows of a table in one transaction: the checkpoints of all others wait for it."""


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
    files = VectorFiles(file.parent / "pending")
    try:
        yield SqliteProjectionStore(db, files, keep_models, keep_retracted_s)
    finally:
        files.close()
        await db.close()


class SqliteProjectionStore(SqliteHistories):
    """The store of an open database."""

    def __init__(
        self,
        db: aiosqlite.Connection,
        files: VectorFiles,
        keep_models: int,
        keep_retracted_s: float,
    ) -> None:
        super().__init__(db)
        self._files = files
        self._keep_models = keep_models
        self._keep_retracted_s = round(keep_retracted_s)
        self._pending: dict[str, int] = {}
        """Batches that wait, by collection: to count them goes through all."""

    async def load(self, collection: str) -> CollectionState:
        """Return the state as of the last checkpoint."""
        self._pending.pop(collection, None)  # a replica may have changed it since it was left
        state = CollectionState(collection)
        held = await read_moments(self._db, state)
        models = await self._models(collection, "ORDER BY version DESC LIMIT 1")
        if models:
            state.take_model(models[0])
        if held:
            state.hold(held_of(held))
        unsettled = await count_unsettled(self._db, collection)
        state.pending, state.in_doubt = unsettled.pending, unsettled.in_doubt
        return state

    async def known(self, collection: str, batch_ids: Iterable[str]) -> Mapping[str, bool]:
        """Return those batches that were ever applied, and whether each is still counted."""
        query = """SELECT batch_id, is_counted FROM batches
            WHERE collection = ? AND batch_id IN (SELECT value FROM json_each(?))"""
        rows = await rows_of(self._db, query, (collection, json.dumps(list(batch_ids))))
        return {batch_id: bool(counted) for batch_id, counted in rows}

    async def everything(self, collection: str) -> Everything:
        """Return all batches, candidates and doubts."""
        return await read_everything(self._db, collection)

    async def adopt(self, collection: str, models: Sequence[ModelVersion]) -> int:
        """Make the history have these models, instead of others of their versions."""
        known = {model.version: model.plane for model in await self._models(collection, "")}
        new = [
            one
            for one in models
            if one.version not in known or not one.plane.is_same(known[one.version])
        ]
        async with self._transaction() as db:
            await write_rows(
                db,
                sql(
                    f"REPLACE INTO models (collection, {MODEL_COLUMNS}, is_announced)",
                    f"VALUES (?{', ?' * 14}, 1)",
                ),
                [(collection, *model_values(model)) for model in new],
            )
        return len(new)

    async def candidates(
        self, collection: str, batch_ids: Iterable[str], floors: Mapping[str, Floor] | None = None
    ) -> Sequence[Candidate]:
        """Return what waits of these batches, and of sources in versions below these floors."""
        return await read_candidates(self._db, collection, batch_ids, floors or {})

    async def vectors(
        self, collection: str, candidates: Iterable[Candidate]
    ) -> Mapping[Candidate, np.ndarray]:
        """Return the vectors of candidates, of each that still has them."""
        places = await read_places(self._db, collection, candidates)
        found = {}
        for one, place in places.items():
            vectors = await _on_disk(self._files.read, place, one.records)
            if vectors is not None:
                found[one] = vectors
        return found

    async def floors(self, collection: str, source_ids: Iterable[str]) -> Mapping[str, Floor]:
        """Return the floors of those sources that have one."""
        return await read_floors(self._db, collection, source_ids)

    async def doubts(self, collection: str, batch_ids: Iterable[str]) -> Mapping[str, str]:
        """Return those batches that are in doubt, and the checksum that is stored."""
        return await read_doubts(self._db, collection, batch_ids)

    async def save(self, checkpoint: Checkpoint) -> Unsettled:
        """Store a checkpoint in one transaction, the vectors that wait before it."""
        with step("checkpoint"):
            name, touched = checkpoint.collection, _touched(checkpoint)
            async with self._transaction() as db:
                pending = self._pending.pop(name, None)  # who is cut off knows it no more
                if pending is None:
                    pending = (await count_unsettled(db, name)).pending
                before = await count_waiting(db, name, touched)
                parts = [one.vectors for one in checkpoint.journalled]
                places = await _on_disk(self._files.append, parts) if parts else []
                await write_moments(db, checkpoint)
                await write_journal(db, checkpoint, places)
                await self._write_batches(db, checkpoint)
                await self._write_model(db, checkpoint)
                more = await count_waiting(db, name, touched) - before
                in_doubt = await count_doubts(db, name)
            self._pending[name] = pending + more
            unsettled = Unsettled(self._pending[name], in_doubt)
            if checkpoint.closed:
                await self._drop_files()
        return unsettled

    async def _drop_files(self) -> None:
        """Remove the files in which nothing is waited for."""
        async with self._writing:  # what is appended is in the tables again
            if not await _on_disk(self._files.others, await used_segments(self._db)):
                return
        async with self._transaction() as db:  # no replica appends, or it is in the tables, too
            await _on_disk(self._files.keep, await used_segments(db))

    async def remove(self, collection: str) -> None:
        """Remove all that is kept of a collection, which nobody changes any more."""
        has_more = True
        while has_more:
            async with self._transaction() as db:
                has_more = await remove_some(db, collection, REMOVED_AT_ONCE)
            reached(Failpoint.STATE_REMOVED)
        self._pending.pop(collection, None)
        async with self._writing:
            await _on_disk(self._files.close)  # the next vectors begin a new file
        await self._drop_files()

    async def _write_batches(self, db: aiosqlite.Connection, checkpoint: Checkpoint) -> None:
        collection = checkpoint.collection
        await write_rows(
            db,
            "DELETE FROM batches WHERE collection = ? AND batch_id = ?",
            [(collection, batch_id) for batch_id in checkpoint.disowned],
        )
        await write_rows(
            db,
            "INSERT INTO batches VALUES (?, ?, ?, 1, NULL)",
            [(collection, batch_id, n) for batch_id, n in checkpoint.applied.items()],
        )
        await write_rows(
            db,
            "UPDATE batches SET is_counted = 0, retracted_at = unixepoch()"
            " WHERE collection = ? AND batch_id = ?",
            [(collection, batch_id) for batch_id in checkpoint.retracted],
        )
        if checkpoint.retracted:
            await db.execute(
                "DELETE FROM batches WHERE retracted_at < unixepoch() - ?",
                (self._keep_retracted_s,),
            )

    async def _write_model(self, db: aiosqlite.Connection, checkpoint: Checkpoint) -> None:
        if not checkpoint.model:
            return
        await db.execute(
            sql(f"INSERT INTO models (collection, {MODEL_COLUMNS})", f"VALUES (?{', ?' * 14})"),
            (checkpoint.collection, *model_values(checkpoint.model)),
        )
        await db.execute(
            "DELETE FROM models WHERE collection = ? AND version <= ? AND is_announced",
            (checkpoint.collection, checkpoint.model.version - self._keep_models),
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
        return {one for (one,) in await rows_of(self._db, query, (collection, wanted))}

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

    async def drop_models(self, collection: str, above: int) -> None:
        """Leave no model above a version."""
        async with self._transaction() as db:
            await db.execute(
                "DELETE FROM models WHERE collection = ? AND version > ?", (collection, above)
            )

    async def _models(self, collection: str, rest: str, *values: int) -> list[ModelVersion]:
        query = sql("SELECT", MODEL_COLUMNS, "FROM models WHERE collection = ?", rest)
        return [model_of(row) for row in await rows_of(self._db, query, (collection, *values))]


def _touched(checkpoint: Checkpoint) -> set[str]:
    """Return the batches that may wait now and did not, or the other way round."""
    came = {one.candidate.batch_id for one in checkpoint.journalled}
    return came | {one.batch_id for one in checkpoint.closed}


async def _on_disk(work: Callable[..., Result], *given: Any) -> Result:
    """Do something with files in a thread.

    Raises:
        TransientError: The disk refuses.
    """
    try:
        return await anyio.to_thread.run_sync(work, *given)
    except OSError as error:
        raise TransientError(f"the projection's state cannot be stored: {error}") from error
