"""The tables of what waits until writing tells what it stores: candidates, floors, doubts."""

import json
from collections.abc import Iterable, Mapping, Sequence

import aiosqlite

from services.projection.adapters.vector_files import Place
from services.projection.domain.pending import Candidate, Floor
from services.projection.ports import Checkpoint, Everything, Unsettled
from shared.sqlite_state import sql

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
        async with db.execute(query, (json.dumps(wanted), collection)) as cursor:
            async for *facts, is_counted in cursor:
                found[Candidate(*facts, is_counted=bool(is_counted))] = None
    return list(found)


async def read_everything(db: aiosqlite.Connection, collection: str) -> Everything:
    """Return all batches, candidates and doubts."""
    given = (collection,)
    query = "SELECT batch_id, is_counted FROM batches WHERE collection = ?"
    async with db.execute(query, given) as cursor:
        batches = {batch_id: bool(counted) async for batch_id, counted in cursor}
    query = sql("SELECT", CANDIDATE, "FROM candidates WHERE collection = ?")
    async with db.execute(query, given) as cursor:
        waiting = [Candidate(*row[:-1], is_counted=bool(row[-1])) async for row in cursor]
    query = "SELECT batch_id FROM doubts WHERE collection = ?"
    async with db.execute(query, given) as cursor:
        return Everything(batches, waiting, [batch_id async for (batch_id,) in cursor])


async def read_places(
    db: aiosqlite.Connection, collection: str, candidates: Iterable[Candidate]
) -> Mapping[Candidate, Place]:
    """Return where the vectors of candidates are."""
    places = {}
    query = """SELECT segment, place, dimension FROM candidates
        WHERE collection = ? AND batch_id = ? AND checksum = ?"""
    for one in candidates:
        async with db.execute(query, (collection, one.batch_id, one.checksum)) as cursor:
            row = await cursor.fetchone()
        if row:
            places[one] = Place(*row)
    return places


async def read_floors(
    db: aiosqlite.Connection, collection: str, source_ids: Iterable[str]
) -> Mapping[str, Floor]:
    """Return the floors of those sources that have one."""
    query = """SELECT source_id, version, is_forgotten FROM floors
        WHERE collection = ? AND source_id IN (SELECT value FROM json_each(?))"""
    async with db.execute(query, (collection, json.dumps(list(source_ids)))) as cursor:
        return {row[0]: Floor(row[1], bool(row[2])) async for row in cursor}


async def read_doubts(
    db: aiosqlite.Connection, collection: str, batch_ids: Iterable[str]
) -> Mapping[str, str]:
    """Return those batches that are in doubt, and the checksum that is stored."""
    query = """SELECT batch_id, checksum FROM doubts
        WHERE collection = ? AND batch_id IN (SELECT value FROM json_each(?))"""
    async with db.execute(query, (collection, json.dumps(list(batch_ids)))) as cursor:
        return {batch_id: checksum async for batch_id, checksum in cursor}


async def write_journal(
    db: aiosqlite.Connection, checkpoint: Checkpoint, places: Sequence[Place]
) -> None:
    """Store what a checkpoint says of candidates, floors and doubts, within its transaction."""
    name = checkpoint.collection
    await db.executemany(
        "DELETE FROM candidates WHERE collection = ? AND batch_id = ? AND checksum = ?",
        [(name, one.batch_id, one.checksum) for one in checkpoint.closed],
    )
    await db.executemany(
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
    await db.executemany(
        "DELETE FROM doubts WHERE collection = ? AND batch_id = ?",
        [(name, batch_id) for batch_id in checkpoint.cleared],
    )
    await db.executemany(
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
    async with db.execute(query, (collection,)) as cursor:
        row = await cursor.fetchone()
    return Unsettled(*row) if row else Unsettled()


async def count_waiting(
    db: aiosqlite.Connection, collection: str, batch_ids: Iterable[str]
) -> int:
    """Count those of these batches that wait."""
    query = """SELECT count(*) FROM json_each(?1) WHERE EXISTS
        (SELECT 1 FROM candidates WHERE collection = ?2 AND batch_id = json_each.value)"""
    async with db.execute(query, (json.dumps(sorted(batch_ids)), collection)) as cursor:
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def count_doubts(db: aiosqlite.Connection, collection: str) -> int:
    """Count the batches in doubt."""
    query = "SELECT count(*) FROM doubts WHERE collection = ?"
    async with db.execute(query, (collection,)) as cursor:
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def used_segments(db: aiosqlite.Connection) -> set[int]:
    """Return the files in which something is waited for."""
    query = """WITH RECURSIVE used (segment) AS (
            SELECT min(segment) FROM candidates
            UNION ALL SELECT (SELECT min(segment) FROM candidates WHERE segment > used.segment)
            FROM used WHERE used.segment IS NOT NULL
        ) SELECT segment FROM used WHERE segment IS NOT NULL"""
    async with db.execute(query) as cursor:  # DISTINCT would go through all that waits
        return {segment async for (segment,) in cursor}
