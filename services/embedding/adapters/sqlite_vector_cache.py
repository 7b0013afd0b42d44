"""Vectors by text in one SQLite file, which all copies of the service on a machine share."""

import asyncio
import json
import sqlite3
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import structlog
from anyio import to_thread
from numpy.typing import NDArray

from services.embedding.ports import Generation
from shared.clock import Clock
from shared.embedded_text import digest_of
from shared.errors import ConfigurationError, TransientError
from shared.observability import embedder_metrics as metrics
from shared.sqlite_state import StateFormat, open_blocking

FILENAME = "vectors.sqlite"
TABLES = """
CREATE TABLE generations (
    number INTEGER PRIMARY KEY AUTOINCREMENT, space TEXT NOT NULL, canary BLOB NOT NULL
) STRICT;
CREATE INDEX generations_by_space ON generations (space);
CREATE TABLE vectors (
    number INTEGER PRIMARY KEY AUTOINCREMENT, generation INTEGER NOT NULL, text TEXT NOT NULL,
    vector BLOB NOT NULL, crc INTEGER NOT NULL, used INTEGER NOT NULL, UNIQUE (generation, text)
) STRICT;
CREATE INDEX vectors_by_use ON vectors (used);
"""
FORMAT = StateFormat("embedding", 1, TABLES)
HOUR_S = 3600
LOOKED_UP_AT_ONCE = 1000
LEAST_REMOVED = 64
"""Vectors that make room at a time, beside twice those that came."""
MOST_GENERATIONS = 16
"""Of one space: a server whose vectors are never twice the same has a new one each time."""
REMIND_S = 60.0
Vector = NDArray[np.float32]
Result = TypeVar("Result")
log = structlog.get_logger(__name__)


class SqliteVectorCache:
    """See VectorCache. A text is known by its SHA-256, and is not kept itself.

    What is found damaged is taken for missing. If the file has more than its bytes, what was not
    used for longest goes first.
    """

    def __init__(self, db: sqlite3.Connection, file: Path, most_bytes: int, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._file = file
        self._most_bytes = most_bytes
        self._turn = asyncio.Lock()
        self._told_at = -REMIND_S

    @classmethod
    @asynccontextmanager
    async def open(
        cls, folder: Path, most_bytes: int, *, clock: Clock
    ) -> AsyncIterator[Self | None]:
        """Open the cache in a folder; None, and a word in the log, if it cannot be used."""
        file = folder / FILENAME
        try:
            db = await open_blocking(file, FORMAT)
        except ConfigurationError as error:
            log.error("vector_cache.unusable", file=str(file), error=str(error))  # noqa: TRY400
            yield None
            return
        try:
            # A crash of the machine may cost the last vectors, and nothing else.
            db.executescript("PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864")
            metrics.VECTOR_CACHE_FAILURES.begin()
            for outcome in ("hit", "miss"):
                metrics.VECTOR_CACHE.begin(outcome=outcome)
            yield cls(db, file, most_bytes, clock)
        finally:
            db.close()

    async def generations(self, space: str) -> Sequence[Generation]:
        """See VectorCache."""
        return await self._tried(lambda: _generations(self._db, space), ())

    async def begin(self, space: str, canary: Vector) -> int | None:
        """See VectorCache."""
        return await self._tried(lambda: _begin(self._db, space, _bytes(canary)), None)

    async def get(self, generation: int, texts: Sequence[str]) -> Mapping[str, Vector]:
        """See VectorCache."""
        return await self._tried(lambda: _get(self._db, generation, texts, self._hour), {})

    async def put(self, generation: int, vectors: Mapping[str, Vector]) -> None:
        """See VectorCache."""
        await self._tried(lambda: self._put(generation, vectors), None)

    async def mark(self) -> int:
        """See VectorCache."""
        return await self._tried(lambda: _mark(self._db), 0)

    async def forget(self, generation: int, since: int) -> None:
        """See VectorCache."""
        query = "DELETE FROM vectors WHERE number > ? AND generation = ?"
        await self._tried(lambda: self._db.execute(query, (since, generation)), None)

    def _put(self, generation: int, vectors: Mapping[str, Vector]) -> None:
        hour = self._hour
        bodies = ((digest_of(text), _bytes(vector)) for text, vector in vectors.items())
        rows = [(generation, key, body, zlib.crc32(body), hour) for key, body in bodies]
        with _transaction(self._db):
            self._db.executemany(
                """REPLACE INTO vectors (generation, text, vector, crc, used)
                VALUES (?, ?, ?, ?, ?)""",
                rows,
            )
            used = used_bytes(self._db)
            if used > self._most_bytes:
                self._db.execute(
                    """DELETE FROM vectors WHERE number IN
                    (SELECT number FROM vectors ORDER BY used, number LIMIT ?)""",
                    (2 * len(rows) + LEAST_REMOVED,),
                )
        metrics.VECTOR_CACHE_BYTES.set(used)

    @property
    def _hour(self) -> int:
        return int(self._clock.now().timestamp() // HOUR_S)

    async def _tried(self, work: Callable[[], Result], otherwise: Result) -> Result:
        """Do something in a thread; a cache that fails costs its vectors, and nothing else."""
        async with self._turn:
            try:
                return await to_thread.run_sync(work)
            except sqlite3.Error as error:
                metrics.VECTOR_CACHE_FAILURES.add()
                if time.monotonic() - self._told_at >= REMIND_S:
                    self._told_at = time.monotonic()
                    remedy = "embedding goes on without it; if this stays, stop the service and "
                    remedy += "remove the file"
                    what = {"file": str(self._file), "error": str(error), "remedy": remedy}
                    log.warning("vector_cache.failed", **what)
                return otherwise


def used_bytes(db: sqlite3.Connection) -> int:
    """Return how many bytes of the file are used."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return int((pages - free) * size)


def _generations(db: sqlite3.Connection, space: str) -> Sequence[Generation]:
    query = "SELECT number, canary FROM generations WHERE space = ? ORDER BY number DESC"
    rows = db.execute(query, (space,)).fetchall()
    return [Generation(number, np.frombuffer(body, "<f4")) for number, body in rows]


def _begin(db: sqlite3.Connection, space: str, canary: bytes) -> int:
    with _transaction(db):
        values = (space, canary)
        made = db.execute("INSERT INTO generations (space, canary) VALUES (?, ?)", values)
        db.execute(
            """DELETE FROM generations WHERE space = ?1 AND number NOT IN
            (SELECT number FROM generations WHERE space = ?1 ORDER BY number DESC LIMIT ?2)""",
            (space, MOST_GENERATIONS),
        )
        return int(made.lastrowid or 0)


def _mark(db: sqlite3.Connection) -> int:
    query = "SELECT ifnull(max(number), 0) FROM vectors"
    return int(db.execute(query).fetchone()[0])


def _get(
    db: sqlite3.Connection, generation: int, texts: Sequence[str], hour: int
) -> Mapping[str, Vector]:
    keys = {digest_of(text): text for text in texts}
    query = """SELECT text, vector, crc, used FROM json_each(?1) CROSS JOIN vectors
        ON generation = ?2 AND text = json_each.value"""
    rows = db.execute(query, (json.dumps([*keys]), generation)).fetchall()
    found: dict[str, Vector] = {}
    is_older = []
    for key, body, crc, used in rows:
        if zlib.crc32(body) == crc and len(body) % 4 == 0:
            found[keys[key]] = np.frombuffer(body, "<f4")
            if used != hour:
                is_older.append((hour, generation, key))
    if is_older:
        with _transaction(db):
            db.executemany(
                "UPDATE vectors SET used = ? WHERE generation = ? AND text = ?", is_older
            )
    return found


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # SQLite itself takes back what has no room
            db.execute("ROLLBACK")
        raise


def _bytes(vector: Vector) -> bytes:
    return np.ascontiguousarray(vector, "<f4").tobytes()


def known_digests(file: Path, space: str, digests: Iterable[str]) -> set[str]:
    """Return those of the digests of texts that a vector is known of, changing nothing.

    Raises:
        TransientError: The file could not be read.
    """
    query = """SELECT value FROM json_each(?1) WHERE EXISTS (SELECT 1 FROM vectors
        WHERE text = json_each.value
        AND generation IN (SELECT number FROM generations WHERE space = ?2))"""
    wanted, known = [*digests], set[str]()
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            for start in range(0, len(wanted), LOOKED_UP_AT_ONCE):
                some = json.dumps(wanted[start : start + LOOKED_UP_AT_ONCE])
                known.update(digest for (digest,) in db.execute(query, (some, space)))
    except sqlite3.Error as error:
        raise TransientError(f"{file} cannot be read: {error}") from error
    return known
