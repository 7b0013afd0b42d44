"""What people decided of pairs of records, beside the ledger in its file."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_preference_store import PreferenceRows
from services.discovery.domain.matches import Between, Decided, Pair, Wish, action_of, decide
from services.discovery.ports.matches import Step
from shared.sqlite_state import sql

MATCHES = """
CREATE TABLE IF NOT EXISTS match_decisions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    collection TEXT NOT NULL,
    other_collection TEXT NOT NULL,
    record TEXT NOT NULL,
    other_record TEXT NOT NULL,
    texts TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('accept', 'reject')),
    decided_at TEXT NOT NULL,
    decided_by TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS match_decisions_of_pair
    ON match_decisions (collection, other_collection, record, other_record);
CREATE INDEX IF NOT EXISTS match_decisions_in_order
    ON match_decisions (collection, other_collection, number);
CREATE INDEX IF NOT EXISTS match_decisions_of_other ON match_decisions (other_collection);
"""
"""A pair has one row, whatever its texts were: the last decision."""
ARE_SERVED = "SELECT count(*) = 2 FROM collections WHERE state = 'active' AND name IN (?, ?)"
OF_PAIR = "WHERE collection = ? AND other_collection = ? AND record = ? AND other_record = ?"


class MatchRows(PreferenceRows):
    """The part of the ledger that says what was decided of pairs."""

    @reads
    def decisions(self, between: Between, after: int, most: int) -> list[tuple[int, Decided]]:
        """See MatchStore."""
        rows = self._rows(
            "SELECT * FROM match_decisions WHERE collection = ? AND other_collection = ?"
            " AND number > ? ORDER BY number LIMIT ?",
            between.collection,
            between.other,
            after,
            most,
        )
        return [(row["number"], _decided(row)) for row in rows]

    @change
    def decide(
        self, between: Between, pairs: Sequence[Pair], wish: Wish, by: str, now: datetime
    ) -> list[Step] | None:
        """See MatchStore."""
        if not self._rows(ARE_SERVED, between.collection, between.other)[0][0]:
            return None
        return [self._decide(between, pair, wish, by, now) for pair in pairs]

    def _decide(self, between: Between, pair: Pair, wish: Wish, by: str, now: datetime) -> Step:
        key = (between.collection, between.other, pair.record, pair.other_record)
        rows = self._rows(sql("SELECT * FROM match_decisions", OF_PAIR), *key)
        before = _decided(rows[0]) if rows else None
        after = decide(before, pair, wish, by, now)
        if (action := action_of(before, after)) is None:
            return False, after
        if after is None:
            self._execute(sql("DELETE FROM match_decisions", OF_PAIR), *key)
        else:
            self._execute(
                "INSERT INTO match_decisions (collection, other_collection, record, other_record,"
                " texts, decision, decided_at, decided_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET texts = excluded.texts, decision = excluded.decision,"
                " decided_at = excluded.decided_at, decided_by = excluded.decided_by",
                *key,
                pair.texts,
                after.decision,
                now.isoformat(),
                by,
            )
        named = (between.collection, f"{pair.record} ~ {between.other}:{pair.other_record}")
        self._note_effect("match", named, action, by, now, wish)
        return True, after


def _decided(row: sqlite3.Row) -> Decided:
    pair = Pair(row["record"], row["other_record"], row["texts"])
    at = datetime.fromisoformat(row["decided_at"])
    return Decided(pair, row["decision"], at, row["decided_by"])
