"""The stalls, in the file of the ledger, and what moves, beside it."""

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.stalls import Stall, Standing, numbers_of
from shared.sqlite_state import sql

OLDEST_FIRST = " ORDER BY since, source_id LIMIT ?"


class StallRows(LedgerRows):
    """The part of the ledger that says what stands still."""

    @change
    def look_for_standing(self, collection: str, before: int, most: int) -> Standing:
        """See StallStore."""
        found = self._head(collection, before, most)
        self._execute("DELETE FROM movement WHERE collection = ? AND NOT is_open", collection)
        self._execute("UPDATE looks SET number = number + 1")
        return Standing(int(self._rows("SELECT number FROM looks")[0][0]), found)

    @reads
    def stalls(self, collection: str, most: int) -> list[Stall]:
        """See StallStore."""
        return self._stalls("WHERE collection = ?" + OLDEST_FIRST, collection, most)

    @reads
    def count_stalls(self, collection: str) -> int:
        """See StallStore."""
        return int(
            self._rows("SELECT count(*) FROM stalls WHERE collection = ?", collection)[0][0]
        )

    @reads
    def untold_stalls(self, collection: str, most: int) -> list[Stall]:
        """See StallStore."""
        where = "WHERE NOT is_announced AND collection = ?"
        return self._stalls(where + OLDEST_FIRST, collection, most)

    @change
    def note_stalls(self, stalls: Sequence[Stall]) -> None:
        """See StallStore."""
        for one in stalls:
            rows = self._select("WHERE source_id = ?", one.source_id)
            if [numbers_of(row) for row in rows] != [one.numbers]:
                continue
            self._execute(
                "REPLACE INTO stalls (source_id, collection, filename, numbers, stage, since,"
                " is_announced) VALUES (?, ?, ?, ?, ?, ?, ?)",
                one.source_id,
                one.collection,
                one.filename,
                json.dumps(one.numbers),
                one.stage,
                one.since.isoformat(),
                one.is_announced,
            )
            self._execute("UPDATE movement SET is_noted = 1 WHERE source_id = ?", one.source_id)

    def _head(self, collection: str, before: int, most: int) -> list[tuple[SourceRecord, int]]:
        """Return what is before the first that moved, and nothing of what is behind it."""
        found, last = [], 0
        queue = self._connection.execute(
            "SELECT source_id, moved_in FROM movement WHERE collection = ? AND NOT is_noted"
            " ORDER BY place LIMIT ?",
            (collection, most),
        )
        for source_id, moved_in in queue:
            if moved_in >= before:
                break
            last = max(last, moved_in)
            found += [(row, last) for row in self._select("WHERE source_id = ?", source_id)]
        queue.close()
        return found

    def _stalls(self, where: str, *values: str | int) -> list[Stall]:
        return [_stall(row) for row in self._rows(sql("SELECT * FROM stalls", where), *values)]


def _stall(row: sqlite3.Row) -> Stall:
    return Stall(
        row["collection"],
        row["source_id"],
        row["filename"],
        tuple(json.loads(row["numbers"])),
        row["stage"],
        datetime.fromisoformat(row["since"]),
        bool(row["is_announced"]),
    )
