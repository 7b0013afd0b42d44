"""Puts side by side, in a file that goes with its block, what was read of sources and batches."""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from services.cli.domain.kept import (
    MASK,
    PARTS,
    Account,
    BatchTally,
    PartSums,
    Rows,
    SourceTally,
    id_hashes,
    part_sums,
    repeated,
)

IDS_AT_ONCE = 4_000_000
SIDES = ("stored", "public")
TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE accounts (
    filename TEXT PRIMARY KEY, status TEXT NOT NULL, version INTEGER NOT NULL,
    mapped INTEGER NOT NULL, is_settled INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE stored (
    filename TEXT PRIMARY KEY, rows INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
    p0 INTEGER NOT NULL, p1 INTEGER NOT NULL, p2 INTEGER NOT NULL, p3 INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE public (
    filename TEXT PRIMARY KEY, rows INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,
    p0 INTEGER NOT NULL, p1 INTEGER NOT NULL, p2 INTEGER NOT NULL, p3 INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE batches (
    batch_id TEXT PRIMARY KEY, filename TEXT, stored INTEGER, counted INTEGER
) WITHOUT ROWID;
"""
PUT = (
    "INSERT INTO {0} VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (filename) DO UPDATE SET"
    " rows = {0}.rows + excluded.rows, low = min({0}.low, excluded.low),"
    " high = max({0}.high, excluded.high), p0 = ({0}.p0 + excluded.p0) & {1},"
    " p1 = ({0}.p1 + excluded.p1) & {1}, p2 = ({0}.p2 + excluded.p2) & {1},"
    " p3 = ({0}.p3 + excluded.p3) & {1}"
)
PUT_BY_SIDE = {side: PUT.format(side, MASK) for side in SIDES}
PUT_STORED_BATCH = (
    "INSERT INTO batches VALUES (?, ?, ?, NULL) ON CONFLICT (batch_id) DO UPDATE SET"
    " filename = excluded.filename, stored = coalesce(batches.stored, 0) + excluded.stored"
)
PUT_COUNTED_BATCH = (
    "INSERT INTO batches VALUES (?, NULL, NULL, ?) ON CONFLICT (batch_id) DO UPDATE SET"
    " counted = excluded.counted"
)
SOURCES = """
SELECT names.filename, accounts.status, accounts.version, accounts.mapped, accounts.is_settled,
    stored.rows, stored.low, stored.high, stored.p0, stored.p1, stored.p2, stored.p3,
    public.rows, public.low, public.high, public.p0, public.p1, public.p2, public.p3
FROM (SELECT filename FROM accounts UNION SELECT filename FROM stored
    UNION SELECT filename FROM public) AS names
LEFT JOIN accounts USING (filename) LEFT JOIN stored USING (filename)
LEFT JOIN public USING (filename) ORDER BY names.filename
"""
UNEQUAL = """
SELECT batch_id, filename, stored, counted FROM batches WHERE stored IS NOT counted
ORDER BY batch_id
"""


@contextmanager
def open_tally() -> Iterator["SqliteTally"]:
    """Open an empty tally; its file is deleted afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="mapstream-verify-") as folder,
        closing(sqlite3.connect(Path(folder) / "tally.sqlite", isolation_level=None)) as db,
        (Path(folder) / "ids").open("w+b") as ids,
    ):
        db.executescript(TABLES)
        yield SqliteTally(db, ids)


class SqliteTally:
    """The tally of one collection."""

    def __init__(self, db: sqlite3.Connection, ids: Any) -> None:
        self._db = db
        self._ids = ids

    def add_accounts(self, accounts: Iterable[Account]) -> None:
        """See Tally."""
        self._db.executemany(
            "INSERT INTO accounts VALUES (?, ?, ?, ?, ?)",
            ((a.filename, a.status, a.version, a.mapped, a.is_settled) for a in accounts),
        )

    def add_stored(self, rows: Rows, *, has_vectors: bool) -> None:
        """See Tally."""
        self._add("stored", rows, has_vectors=has_vectors)
        self._ids.write(id_hashes(rows.ids).tobytes())
        batches: dict[str, tuple[str, int]] = {}
        for batch_id, filename in zip(rows.batch_ids, rows.filenames, strict=True):
            batches[batch_id] = (filename, batches.get(batch_id, ("", 0))[1] + 1)
        self._db.executemany(
            PUT_STORED_BATCH, ((key, name, count) for key, (name, count) in batches.items())
        )

    def add_public(self, rows: Rows, *, has_vectors: bool) -> None:
        """See Tally."""
        self._add("public", rows, has_vectors=has_vectors)

    def _add(self, side: str, rows: Rows, *, has_vectors: bool) -> None:
        sums = part_sums(rows, has_vectors=has_vectors)
        self._db.executemany(
            PUT_BY_SIDE[side],
            (
                (name, own.rows, own.low_version, own.high_version, *own.parts)
                for name, own in sums.items()
            ),
        )

    def add_counted(self, batches: Iterable[tuple[str, int]]) -> None:
        """See Tally."""
        self._db.executemany(PUT_COUNTED_BATCH, batches)

    def sources(self) -> Iterator[SourceTally]:
        """See Tally."""
        for name, status, version, mapped, is_settled, *sums in self._db.execute(SOURCES):
            account = None
            if status is not None:
                account = Account(name, status, version, mapped, bool(is_settled))
            stored, public = _sums(sums[:7]), _sums(sums[7:])
            yield SourceTally(name, account, stored, public)

    def unequal_batches(self) -> Iterator[BatchTally]:
        """See Tally."""
        for row in self._db.execute(UNEQUAL):
            yield BatchTally(*row)

    def repeated_ids(self) -> set[int]:
        """See Tally."""
        self._ids.flush()
        if not self._ids.tell():
            return set()
        hashes = np.memmap(self._ids, dtype=np.uint64, mode="r")
        return set(repeated(hashes, IDS_AT_ONCE))


def _sums(values: list[int | None]) -> PartSums:
    numbers = [value or 0 for value in values]
    return PartSums(numbers[0], numbers[3 : 3 + len(PARTS)], numbers[1], numbers[2])
