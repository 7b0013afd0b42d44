"""What is counted, as rows: a square of sums, and the changes that are not folded into it yet.

Changes are rows of their own, so that a checkpoint writes what came and not the square. They go
in the transaction that writes the square they are folded into: so whatever is cut off, a change
is either a row or in the square, never both.
"""

import json
from dataclasses import asdict

import aiosqlite
import numpy as np

from services.projection.domain.counted import Change, Counted, Key, Recount
from services.projection.domain.moments import Moments
from services.projection.domain.state import CollectionState
from services.projection.ports import Checkpoint
from shared.failpoints import Failpoint, reached
from shared.sqlite_state import rows_of, sql, write_rows

MOMENTS = """
CREATE TABLE moments (
    collection TEXT PRIMARY KEY, dimension INTEGER NOT NULL, revision INTEGER NOT NULL,
    owes_refit INTEGER NOT NULL, forgotten_version INTEGER NOT NULL, held TEXT
) STRICT;
"""
SQUARES = """
CREATE TABLE squares (
    collection TEXT PRIMARY KEY, count INTEGER NOT NULL, mean BLOB NOT NULL, scatter BLOB NOT NULL
) STRICT;
CREATE TABLE changes (
    collection TEXT NOT NULL, batch_id TEXT NOT NULL, is_added INTEGER NOT NULL,
    vectors BLOB NOT NULL, PRIMARY KEY (collection, batch_id, is_added)
) STRICT;
"""
TABLES = MOMENTS + SQUARES
FROM_ONE_ROW = sql(
    SQUARES,
    """
INSERT INTO squares SELECT collection, count, mean, scatter FROM moments WHERE count;
ALTER TABLE moments RENAME TO moments_before;
""",
    MOMENTS,
    """
INSERT INTO moments
    SELECT collection, dimension, revision, owes_refit, forgotten_version, held
    FROM moments_before;
DROP TABLE moments_before;
""",
)
"""Formats up to 4 had the square in the row that every checkpoint wrote."""


async def read_moments(db: aiosqlite.Connection, state: CollectionState) -> str | None:
    """Read what is counted into a state; returns the refit that is held, as it is stored."""
    query = """SELECT dimension, revision, owes_refit, forgotten_version, held
        FROM moments WHERE collection = ?"""
    rows = await rows_of(db, query, (state.collection,))
    if not rows:
        return None
    dimension, state.revision, owes_refit, state.forgotten_version, held = rows[0]
    state.owes_refit = bool(owes_refit)
    square = await _read_square(db, state.collection, dimension)
    changes = await _read_changes(db, state.collection, dimension)
    state.moments = Counted(dimension, square, changes)
    return str(held) if held else None


async def _read_square(
    db: aiosqlite.Connection, collection: str, dimension: int
) -> Moments | None:
    query = "SELECT count, mean, scatter FROM squares WHERE collection = ?"
    for count, mean, scatter in await rows_of(db, query, (collection,)):
        square = np.frombuffer(scatter).reshape(dimension, dimension)
        return Moments(count, np.frombuffer(mean), square)
    return None


async def _read_changes(
    db: aiosqlite.Connection, collection: str, dimension: int
) -> dict[Key, Change]:
    changes = {}
    query = "SELECT batch_id, is_added, vectors FROM changes WHERE collection = ? ORDER BY rowid"
    for batch_id, is_added, data in await rows_of(db, query, (collection,)):
        vectors = np.frombuffer(data, np.float32).reshape(-1, dimension)
        one = Change(batch_id, vectors, bool(is_added))
        changes[one.key] = one
    return changes


async def write_moments(db: aiosqlite.Connection, checkpoint: Checkpoint) -> None:
    """Store what a checkpoint says of what is counted, within its transaction."""
    facts = (
        checkpoint.revision,
        checkpoint.owes_refit,
        checkpoint.forgotten_version,
        json.dumps(asdict(checkpoint.held)) if checkpoint.held else None,
    )
    name, step = checkpoint.collection, checkpoint.recount
    if step is None:
        await db.execute(
            """UPDATE moments SET revision = ?, owes_refit = ?, forgotten_version = ?, held = ?
            WHERE collection = ?""",
            (*facts, name),
        )
        return
    await db.execute(
        "REPLACE INTO moments VALUES (?, ?, ?, ?, ?, ?)", (name, step.counted.dimension, *facts)
    )
    if step.is_folded:
        await _write_square(db, name, step.counted.square)
    else:
        await _write_changes(db, name, step)


async def _write_square(db: aiosqlite.Connection, collection: str, square: Moments | None) -> None:
    await db.execute("DELETE FROM squares WHERE collection = ?", (collection,))
    if square is not None:
        scatter = np.ascontiguousarray(square.scatter)
        await db.execute(
            "INSERT INTO squares VALUES (?, ?, ?, ?)",
            (collection, square.count, square.mean.tobytes(), scatter.data.cast("B")),
        )
    reached(Failpoint.FOLDED)
    await db.execute("DELETE FROM changes WHERE collection = ?", (collection,))


async def _write_changes(db: aiosqlite.Connection, collection: str, step: Recount) -> None:
    await write_rows(
        db,
        "DELETE FROM changes WHERE collection = ? AND batch_id = ? AND is_added = ?",
        [(collection, *key) for key in step.dropped],
    )
    await write_rows(
        db,
        "INSERT INTO changes VALUES (?, ?, ?, ?)",
        [
            (collection, one.batch_id, one.is_added, np.ascontiguousarray(one.vectors).data)
            for one in step.entered
        ],
    )
