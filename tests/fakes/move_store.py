"""Which source became which by a move, in memory."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.ledger import (
    GONE_KEY,
    CommandRef,
    Commit,
    SourceRecord,
    forgotten_for,
)
from services.discovery.domain.moves import Move, MoveVerdict, judge, may_take_over
from services.discovery.domain.sources import SourceStat


class FakeMoves:
    """The part of the ledger in memory that follows moved files."""

    sources: dict[str, SourceRecord]
    batches: dict[str, tuple[str, BatchAccount]]
    letters: dict[str, Any]
    segments: dict[str, Any]
    marks: dict[str, Any]
    settled: dict[str, Any]
    moves: dict[tuple[str, int], tuple[str, int, str]]

    async def other_names(self, stat: SourceStat, fingerprint: str) -> list[SourceRecord]:
        return [
            row
            for row in self.sources.values()
            if row.collection == stat.collection
            and row.source_id != stat.source_id
            and row.fingerprint is not None
            and row.source_version
            and not (row.is_forgotten and row.is_announced)
            and (row.fingerprint == fingerprint or (stat.inode and row.inode == stat.inode))
        ]

    async def move(self, before: SourceRecord, stat: SourceStat, now: datetime) -> Move | None:
        row = self.sources.get(before.source_id)
        if row is None or (row.source_version, row.fingerprint) != (
            before.source_version,
            before.fingerprint,
        ):
            return None
        known = self.sources.get(stat.source_id)
        if not (may_take_over(known) and judge(row) is MoveVerdict.MOVE):
            return None
        to = self._take_rows(row, stat, now)
        for key, (to_id, _, batch) in list(self.moves.items()):
            if to_id == row.source_id:
                self.moves[key] = to.source_id, to.source_version, batch
        gone_at = row.gone_at or now
        key = f"{GONE_KEY}{row.source_id}:{gone_at.isoformat()}"
        row = replace(
            row, gone_at=gone_at, returned_at=None, same_as=to.filename, is_presence_told=False,
            why_incomplete=None, incomplete_since=None, reason=None,
        )  # fmt: skip
        after = self.sources[row.source_id] = forgotten_for(row, CommandRef(key, key))
        self._forget(row.source_id)
        self.batches[after.empty_batch_id] = row.source_id, BatchAccount().record(0)
        made = to.source_id, to.source_version, to.moving_batch_id
        self.moves[before.source_id, before.source_version] = made
        return Move(after, to)

    async def name_now(self, source_id: str, version: int) -> SourceRecord | None:
        to_id, to_version, _ = self.moves.get((source_id, version), ("", 0, ""))
        now = self.sources.get(to_id)
        return now if now and now.source_version == to_version else None

    async def open_moves(self, collection: str) -> list[Move]:
        return [
            Move(self.sources[source_id], self.sources[to_id])
            for (source_id, _), (to_id, _, batch) in self.moves.items()
            if self._is_open(batch) and self.sources[to_id].collection == collection
        ]

    def _is_open(self, batch_id: str) -> bool:
        return batch_id in self.batches and not self.batches[batch_id][1].is_settled

    def _is_being_moved(self, source_id: str) -> bool:
        return any(
            to_id == source_id and self._is_open(batch) for to_id, _, batch in self.moves.values()
        )

    def _take_rows(self, before: SourceRecord, stat: SourceStat, now: datetime) -> SourceRecord:
        known = self._put(stat, now, is_checked=True)
        mine, his = known.source_id, before.source_id
        self._forget(mine)
        for key, (owner, account) in self.batches.items():
            self.batches[key] = (mine if owner == his else owner), account
        for key, letter in self.letters.items():
            if letter.source_id == his:
                self.letters[key] = replace(letter, source_id=mine)
        for kept in (self.segments, self.marks, self.settled):
            if his in kept:
                kept[mine] = kept.pop(his)
        to = self.sources[mine] = replace(
            known, status="dispatched", source_version=known.source_version + 1,
            fingerprint=before.fingerprint, content_size=before.content_size,
            rules=None if before.replays else before.rules, seen=before.seen, mapped=0,
            dead=before.dead, dropped=before.dropped, is_read=True, replays=0, staged=0,
            is_showing=False, is_announced=False, reason=None, completed_at=None,
            is_forgotten=False, gone_at=None, same_as=None,
        )  # fmt: skip
        self.batches[to.moving_batch_id] = mine, BatchAccount().record(before.mapped)
        return to

    def _read_what_was_not_moved(
        self, source: SourceRecord, commit: Commit, now: datetime
    ) -> None:
        account = self.batches.get(commit.batch_id, ("", BatchAccount()))[1]
        if commit.batch_id != source.moving_batch_id or not account.in_flight:
            return
        what = f"{account.records} rows were to be moved, and the dataset had {commit.records}"
        self._contradict(source, commit.batch_id, what, now)
        self._change(source, commit.batch_id, lambda one: one.withdraw().record(one.mapped))
        row = self.sources[source.source_id]
        self.sources[source.source_id] = replace(row, fingerprint=None)

    def _contradict(
        self, source: SourceRecord, batch_id: str, what: str | None, now: datetime
    ) -> None:
        raise NotImplementedError

    def _change(
        self, source: SourceRecord, batch_id: str, change: Callable[[BatchAccount], BatchAccount]
    ) -> None:
        raise NotImplementedError

    def _put(self, stat: SourceStat, now: datetime, *, is_checked: bool = False) -> SourceRecord:
        raise NotImplementedError

    def _forget(self, source_id: str) -> None:
        raise NotImplementedError
