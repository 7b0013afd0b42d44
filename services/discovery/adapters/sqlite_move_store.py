"""Which source became which by a move, in the file of the ledger."""

from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.ledger import GONE_KEY, CommandRef, SourceRecord, forgotten_for
from services.discovery.domain.moves import Move, MoveVerdict, judge, may_take_over
from services.discovery.domain.sources import SourceStat
from shared.sqlite_state import sql

MOVES = """
CREATE TABLE IF NOT EXISTS moves (
    source_id TEXT NOT NULL,
    source_version INTEGER NOT NULL,
    to_id TEXT NOT NULL,
    to_version INTEGER NOT NULL,
    batch_id TEXT NOT NULL,
    PRIMARY KEY (source_id, source_version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS moves_by_end ON moves (to_id, to_version);
CREATE INDEX IF NOT EXISTS sources_by_content ON sources (fingerprint);
CREATE INDEX IF NOT EXISTS sources_by_inode ON sources (inode);
"""
MAY_HAVE_MOVED = (
    "collection = ?3 AND source_id <> ?4 AND source_version > 0 AND fingerprint IS NOT NULL"
    " AND NOT (is_forgotten AND is_announced)"
)
COPIES = 100
"""So many of equal content are looked at; of a thousand copies, each asks for all the others."""
TAKEN_OVER = ("batches", "dead_letters", "segments", "contradictions")


class MoveRows(LedgerRows):
    """The part of the ledger that follows moved files."""

    @reads
    def other_names(self, stat: SourceStat, fingerprint: str) -> list[SourceRecord]:
        """See MoveStore."""
        about = (fingerprint, stat.inode, stat.collection, stat.source_id)
        same_file = self._select(f"WHERE ?2 > 0 AND inode = ?2 AND {MAY_HAVE_MOVED}", *about)
        copies = f"WHERE fingerprint = ?1 AND NOT (?2 > 0 AND inode IS ?2) AND {MAY_HAVE_MOVED}"
        return same_file + self._select(f"{copies} LIMIT {COPIES}", *about)

    @change
    def move(self, before: SourceRecord, stat: SourceStat, now: datetime) -> Move | None:
        """See MoveStore."""
        rows = self._select("WHERE source_id = ?", before.source_id)
        if not rows or rows[0].source_version != before.source_version:
            return None
        is_as_it_was = rows[0].fingerprint == before.fingerprint
        known = self._select("WHERE source_id = ?", stat.source_id)
        is_free = may_take_over(known[0] if known else None)
        if not (is_free and is_as_it_was and judge(rows[0]) is MoveVerdict.MOVE):
            return None
        to = self._take_rows(rows[0], stat, now)
        self._execute(
            "UPDATE moves SET to_id = ?, to_version = ? WHERE to_id = ?",
            to.source_id,
            to.source_version,
            before.source_id,
        )
        after = self._leave(rows[0], to, now)
        self._execute(
            "REPLACE INTO moves (source_id, source_version, to_id, to_version, batch_id)"
            " VALUES (?, ?, ?, ?, ?)",
            before.source_id,
            before.source_version,
            to.source_id,
            to.source_version,
            to.moving_batch_id,
        )
        return Move(after, to)

    @reads
    def name_now(self, source_id: str, version: int) -> SourceRecord | None:
        """See MoveStore."""
        rows = self._rows(
            "SELECT to_id, to_version FROM moves WHERE source_id = ? AND source_version = ?",
            source_id,
            version,
        )
        return self._current(*rows[0]) if rows else None

    @reads
    def open_moves(self, collection: str) -> list[Move]:
        """See MoveStore."""
        pairs = self._rows(
            "SELECT moves.source_id, moves.to_id FROM moves JOIN batches USING (batch_id)"
            " JOIN sources ON sources.source_id = moves.to_id"
            " WHERE NOT batches.is_settled AND sources.collection = ?",
            collection,
        )
        found = []
        for source_id, to_id in pairs:
            (before,) = self._select("WHERE source_id = ?", source_id)
            (to,) = self._select("WHERE source_id = ?", to_id)
            found.append(Move(before, to))
        return found

    def _take_rows(self, before: SourceRecord, stat: SourceStat, now: datetime) -> SourceRecord:
        """Give a name the content and the account of another one; what it has itself is over."""
        known = self._put_stat(stat, now, is_checked=True)
        self._forget_batches(known.source_id)
        for table in TAKEN_OVER:
            self._execute(
                sql("UPDATE", table, "SET source_id = ? WHERE source_id = ?"),
                known.source_id,
                before.source_id,
            )
        # What was replayed has numbers that come after all others: nothing can be counted on.
        self._execute(
            "UPDATE sources SET status = 'dispatched', source_version = source_version + 1,"
            " fingerprint = ?2, content_size = ?3, rules = ?4, seen = ?5, mapped = 0, dead = ?5,"
            " dropped = ?6, is_read = 1, replays = 0, staged = 0, is_showing = 0, is_held = 0,"
            " is_announced = 0, reason = NULL, completed_at = NULL, is_forgotten = 0,"
            " renewal = NULL, shown_version = NULL, gone_at = NULL, same_as = NULL"
            " WHERE source_id = ?1",
            known.source_id,
            before.fingerprint,
            before.content_size,
            None if before.replays or before.rules is None else before.rules.spell(),
            before.dead,
            before.dropped,
        )
        (to,) = self._select("WHERE source_id = ?", known.source_id)
        self._put_account(to.source_id, to.moving_batch_id, BatchAccount().record(before.mapped))
        self._count(to.source_id, before.mapped, 0, 0)
        return self._select("WHERE source_id = ?", known.source_id)[0]

    def _leave(self, before: SourceRecord, to: SourceRecord, now: datetime) -> SourceRecord:
        """Have a name without its file forgotten, as what is gone is."""
        self._execute(
            "UPDATE sources SET gone_at = coalesce(gone_at, ?2), returned_at = NULL, same_as = ?3,"
            " is_presence_told = 0, why_incomplete = NULL, incomplete_since = NULL, reason = NULL"
            " WHERE source_id = ?1",
            before.source_id,
            now.isoformat(),
            to.filename,
        )
        (gone,) = self._select("WHERE source_id = ?", before.source_id)
        key = f"{GONE_KEY}{gone.source_id}:{gone.gone_at and gone.gone_at.isoformat()}"
        after = forgotten_for(gone, CommandRef(key, key))
        self._put_forgotten(after)
        self._put_forget_commands(after)
        return after
