"""The tables of what waits until writing tells what it stores: candidates, floors, doubts."""

import json
from collections.abc import Iterable, Mapping, Sequence

import aiosqlite

from services.projection.adapters.vector_files import Place
from services.projection.domain.pending import Candidate, Floor
from services.projection.ports import Checkpoint, Everything, Unsettled
from shared.sqlite_state import rows_of, sql, write_rows

TABLES = """
CREATE TABLE candidates (
    collection TEXT NOT NULL, batch_id TEXT NOT NULL, source_id TEXT NOT NULL,
    source_version INTEGER NOT NULL, records INTEGER NOT NULL, checksum TEXT NOT NULL,
    is_counted INTEGER NOT NULL, segment INTEGER NOT NULL, place INTEGER NOT NULL,
    dimension INTEGER NOT NULL, PRIMARY KEY (collection, batch_id, checksum)
) STRICT, WITHOUT ROWID;
CREATE INDEX candidates_by_source ON candidates (collection, source_id, source_version);
CREATE INDEX candidates_by_segment ON candidates (segment);
CREATE TABLE floors (
    collection TEXT NOT NULL, source_id TEXT NOT NULL, version INTEGER NOT NULL,
    is_forgotten INTEGER NOT NULL, PRIMARY KEY (collection, source_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE doubts (
    collection TEXT NOT NULL, batch_id TEXT NOT NULL, source_id TEXT NOT NULL,
    source_version INTEGER NOT NULL, records INTEGER NOT NULL, checksum TEXT NOT NULL,
    PRIMARY KEY (collection, batch_id)
) STRICT, WITHOUT ROWID;
"""
CANDIDATE = "batch_id, source_id, source_version, records, checksum, is_counted"
OF_BATCHES = "collection = ?2 AND batch_id = json_each.value"
BELOW_FLOORS = "collection = ?2 AND source_id = json_each.key AND source_version < json_each.value"


async def read_candidates(
    db: aiosqlite.Connection,
    collection: str,
    batch_ids: Iterable[str],
    floors: Mapping[str, Floor],
) -> Sequence[Candidate]:
    """Return what waits of batches, and of sources in versions below floors."""
    found: dict[Candidate, None] = {}
    below = {source: floor.version for source, floor in floors.items()}
    for condition, wanted in ((OF_BATCHES, list(batch_ids)), (BELOW_FLOORS, below)):
        query = sql("SELECT", CANDIDATE, "FROM json_each(?1) CROSS JOIN candidates ON", condition)
        if wanted:
            for *facts, is_counted in await rows_of(db, query, (json.dumps(wanted), collection)):
                found[Candidate(*facts, is_counted=bool(is_counted))] = None
    return list(found)


async def read_everything(db: aiosqlite.Connection, collection: str) -> Everything:
    """Return all batches, candidates and doubts."""
    given = (collection,)
    query = "SELECT batch_id, is_counted FROM batches WHERE collection = ?"
    batches = {batch_id: bool(counted) for batch_id, counted in await rows_of(db, query, given)}
    query = sql("SELECT", CANDIDATE, "FROM candidates WHERE collection = ?")
    some = await rows_of(db, query, given)
    waiting = [Candidate(*row[:-1], is_counted=bool(row[-1])) for row in some]
    query = "SELECT batch_id FROM doubts WHERE collection = ?"
    doubts = [batch_id for (batch_id,) in await rows_of(db, query, given)]
    return Everything(batches, waiting, doubts)


async def read_places(
    db: aiosqlite.Connection, collection: str, candidates: Iterable[Candidate]
) -> Mapping[Candidate, Place]:
    """Return where the vectors of candidates are."""
    places = {}
    query = """SELECT segment, place, dimension FROM candidates
        WHERE collection = ? AND batch_id = ? AND checksum = ?"""
    for one in candidates:
        for row in await rows_of(db, query, (collection, one.batch_id, one.checksum)):
            places[one] = Place(*row)
    return places


async def read_floors(
    db: aiosqlite.Connection, collection: str, source_ids: Iterable[str]
) -> Mapping[str, Floor]:
    """Return the floors of those sources that have one."""
    query = """SELECT source_id, version, is_forgotten FROM floors
        WHERE collection = ? AND source_id IN (SELECT value FROM json_each(?))"""
    rows = await rows_of(db, query, (collection, json.dumps(list(source_ids))))
    return {source: Floor(version, bool(forgotten)) for source, version, forgotten in rows}


async def read_doubts(
    db: aiosqlite.Connection, collection: str, batch_ids: Iterable[str]
) -> Mapping[str, str]:
    """Return those batches that are in doubt, and the checksum that is stored."""
    query = """SELECT batch_id, checksum FROM doubts
        WHERE collection = ? AND batch_id IN (SELECT value FROM json_each(?))"""
    return dict(await rows_of(db, query, (collection, json.dumps(list(batch_ids)))))


async def write_journal(
    db: aiosqlite.Connection, checkpoint: Checkpoint, places: Sequence[Place]
) -> None:
    """Store what a checkpoint says of candidates, floors and doubts, within its transaction."""
    name = checkpoint.collection
    await write_rows(
        db,
        "DELETE FROM candidates WHERE collection = ? AND batch_id = ? AND checksum = ?",
        [(name, one.batch_id, one.checksum) for one in checkpoint.closed],
    )
    await write_rows(
        db,
        "INSERT INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (name, one.batch_id, one.source_id, one.source_version, one.records, one.checksum,
             one.is_counted, place.segment, place.offset, place.dimension)
            for one, place in zip(
                (kept.candidate for kept in checkpoint.journalled), places, strict=True
            )
        ],
    )  # fmt: skip
    for source, floor in checkpoint.floors.items():
        await db.execute(
            "REPLACE INTO floors VALUES (?, ?, ?, ?)",
            (name, source, floor.version, floor.is_forgotten),
        )
        await db.execute(
            "DELETE FROM doubts WHERE collection = ? AND source_id = ? AND source_version < ?",
            (name, source, floor.version),
        )
    await write_rows(
        db,
        "DELETE FROM doubts WHERE collection = ? AND batch_id = ?",
        [(name, batch_id) for batch_id in checkpoint.cleared],
    )
    await write_rows(
        db,
        "REPLACE INTO doubts VALUES (?, ?, ?, ?, ?, ?)",
        [
            (name, one.batch_id, one.source_id, one.source_version, one.records, one.checksum)
            for one in checkpoint.doubts
        ],
    )


async def count_unsettled(db: aiosqlite.Connection, collection: str) -> Unsettled:
    """Count the batches that wait, and those in doubt."""
    query = """SELECT
        (SELECT count(DISTINCT batch_id) FROM candidates WHERE collection = ?1),
        (SELECT count(*) FROM doubts WHERE collection = ?1)"""
    (row,) = await rows_of(db, query, (collection,))
    return Unsettled(*row)


async def count_waiting(
    db: aiosqlite.Connection, collection: str, batch_ids: Iterable[str]
) -> int:
    """Count those of these batches that wait."""
    query = """SELECT count(*) FROM json_each(?1) WHERE EXISTS
        (SELECT 1 FROM candidates WHERE collection = ?2 AND batch_id = json_each.value)"""
    ((count,),) = await rows_of(db, query, (json.dumps(sorted(batch_ids)), collection))
    return int(count)


async def count_doubts(db: aiosqlite.Connection, collection: str) -> int:
    """Count the batches in doubt."""
    query = "SELECT count(*) FROM doubts WHERE collection = ?"
    ((count,),) = await rows_of(db, query, (collection,))
    return int(count)


async def used_segments(db: aiosqlite.Connection) -> set[int]:
    """Return the files in which something is waited for."""
    query = """WITH RECURSIVE used (segment) AS (
            SELECT min(segment) FROM candidates
            UNION ALL SELECT (SELECT min(segment) FROM candidates WHERE segment > used.segment)
            FROM used WHERE used.segment IS NOT NULL
        ) SELECT segment FROM used WHERE segment IS NOT NULL"""
    rows = await rows_of(db, query)  # DISTINCT would go through all that waits
    return {segment for (segment,) in rows}
