"""Reading and writing single rows of the ledger, inside a transaction."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import astuple, fields
from datetime import datetime
from typing import Any

from services.discovery.adapters.sqlite_group_commit import GroupCommit
from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.contradictions import against_commit
from services.discovery.domain.cut_rules import parse_rules
from services.discovery.domain.dead_letters import Letter
from services.discovery.domain.ledger import (
    CommandRef,
    Commit,
    Death,
    SourceRecord,
    forgotten_for,
)
from services.discovery.domain.sources import SourceStat, display_name
from shared.sqlite_state import sql

COLUMNS = ", ".join(field.name for field in fields(SourceRecord))
ACCOUNT = ", ".join(field.name for field in fields(BatchAccount))
SELECT_SOURCES = sql("SELECT", COLUMNS, "FROM sources ")
SELECT_ACCOUNT = sql("SELECT", ACCOUNT, "FROM batches WHERE batch_id = ?")
PUT_ACCOUNT = sql(
    f"INSERT INTO batches (batch_id, source_id, is_settled, {ACCOUNT})",
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (batch_id) DO UPDATE SET",
    "source_id = excluded.source_id, is_settled = excluded.is_settled,",
    ", ".join(f"{field.name} = excluded.{field.name}" for field in fields(BatchAccount)),
)
MOMENTS = (
    "discovered_at",
    "completed_at",
    "incomplete_since",
    "checked_at",
    "gone_at",
    "returned_at",
)
FLAGS = ("is_read", "is_announced", "is_forgotten", "is_presence_told", "is_showing", "is_held")
LETTER = ", ".join(field.name for field in fields(Letter))
ENTER_LETTER = sql(
    f"INSERT OR IGNORE INTO dead_letters ({LETTER})",
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING key",
)
PUT_STAT = sql(
    "INSERT INTO sources (source_id, collection, filename, path, size, mtime_ns, ctime_ns, inode,"
    " why_incomplete, incomplete_since, checked_at, status, discovered_at)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, iif(?9 IS NULL, NULL, ?11), ?10, 'incomplete',"
    " ?11)"
    " ON CONFLICT (source_id) DO UPDATE SET path = excluded.path, size = excluded.size,"
    " mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, inode = excluded.inode,"
    " why_incomplete = excluded.why_incomplete, incomplete_since ="
    " iif(?9 IS NULL, NULL, coalesce(sources.incomplete_since, excluded.incomplete_since)),"
    " checked_at = coalesce(excluded.checked_at, sources.checked_at)"
    " RETURNING",
    COLUMNS,
)

NOT_TO_COME = (
    "AND (is_placed OR job NOT IN (SELECT id FROM jobs WHERE state IN ('queued', 'running')))"
)
"""Of the files that jobs have brought: all but those that wait for their turn."""


class LedgerRows:
    """What the methods of the ledger are made of; they need a transaction around."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._commits = GroupCommit(connection)

    def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self._connection.execute(sql, values).fetchall()

    def _execute(self, sql: str, *values: Any) -> None:
        self._connection.execute(sql, values)

    def _select(self, where: str, *values: Any) -> list[SourceRecord]:
        rows = self._rows(SELECT_SOURCES + where, *values)
        return [source_of(row) for row in rows]

    def _source(self, source_id: str) -> SourceRecord | None:
        rows = self._select("WHERE source_id = ?", source_id)
        return rows[0] if rows else None

    def _current(self, source_id: str, version: int) -> SourceRecord | None:
        rows = self._select("WHERE source_id = ? AND source_version = ?", source_id, version)
        return rows[0] if rows else None

    def _put_stat(
        self,
        stat: SourceStat,
        now: datetime,
        *,
        why: WhyIncomplete | None = None,
        is_checked: bool = False,
    ) -> SourceRecord:
        rows = self._rows(
            PUT_STAT,
            stat.source_id,
            stat.collection,
            stat.filename,
            display_name(stat.path),
            stat.size,
            stat.mtime_ns,
            stat.ctime_ns,
            stat.inode,
            why,
            now.isoformat() if is_checked else None,
            now.isoformat(),
        )
        return source_of(rows[0])

    def _change(
        self,
        source: SourceRecord,
        batch_id: str,
        change: Callable[[BatchAccount], BatchAccount],
        *,
        is_news: bool = True,
    ) -> None:
        known = self._account(batch_id)
        if known is None and (
            source.was_completed or (is_news and self._has_settled(source.source_id))
        ):
            return  # late news about a batch whose account is closed
        before = known or BatchAccount()
        after = change(before)
        self._put_account(source.source_id, batch_id, after)
        self._count(
            source.source_id,
            after.records - before.records,
            after.mapped - before.mapped,
            after.dead - before.dead,
            after.staged - before.staged,
        )

    def _has_settled(self, source_id: str) -> bool:
        """Tell whether a part of the version was mapped before it grew."""
        return bool(
            self._rows("SELECT 1 FROM segments WHERE source_id = ? AND is_settled", source_id)
        )

    def _account(self, batch_id: str | None) -> BatchAccount | None:
        rows = self._rows(SELECT_ACCOUNT, batch_id)
        return _account(rows[0]) if rows else None

    def _put_account(self, source_id: str, batch_id: str, account: BatchAccount) -> None:
        self._execute(
            PUT_ACCOUNT,
            batch_id,
            source_id,
            account.is_settled,
            *(getattr(account, field.name) for field in fields(account)),
        )
        if account.is_settled:
            self._execute("DELETE FROM resends WHERE batch_id = ?", batch_id)

    def _count(self, source_id: str, seen: int, mapped: int, dead: int, staged: int = 0) -> None:
        self._execute(
            "UPDATE sources SET seen = seen + ?1, mapped = mapped + ?2, dead = dead + ?3,"
            " dropped = min(dropped, dead + ?3), staged = staged + ?5 WHERE source_id = ?4",
            seen,
            mapped,
            dead,
            source_id,
            staged,
        )

    def _commit(self, source: SourceRecord, commit: Commit, now: datetime) -> None:
        known = self._account(commit.batch_id)
        self._contradict(source, commit.batch_id, against_commit(known, commit), now)
        if commit.is_staged:
            self._change(source, commit.batch_id, lambda batch: batch.stage(commit.records))
        elif not commit.is_superseded:
            self._change(source, commit.batch_id, lambda batch: batch.commit(commit.records))
            if commit.batch_id == source.moving_batch_id:
                self._read_what_was_not_moved(source, commit, now)

    def _read_what_was_not_moved(
        self, source: SourceRecord, commit: Commit, now: datetime
    ) -> None:
        """Close the account of a move that found fewer rows; the next look reads all of it."""
        account = self._account(commit.batch_id)
        if account is None or not account.in_flight:
            return
        what = f"{account.records} rows were to be moved, and the dataset had {commit.records}"
        self._contradict(source, commit.batch_id, what, now)
        self._count(source.source_id, -account.in_flight, 0, 0)
        after = account.withdraw().record(account.mapped)
        self._put_account(source.source_id, commit.batch_id, after)
        self._execute(
            "UPDATE sources SET fingerprint = NULL WHERE source_id = ?", source.source_id
        )

    def _contradict(
        self, source: SourceRecord, batch_id: str, what: str | None, now: datetime
    ) -> None:
        if what is not None:
            self._execute(
                "INSERT OR IGNORE INTO contradictions (batch_id, source_id, what, since)"
                " VALUES (?, ?, ?, ?)",
                batch_id,
                source.source_id,
                what,
                now.isoformat(),
            )

    def _dead_letter(self, source: SourceRecord, death: Death) -> None:
        if death.batch_id is None:
            self._count(source.source_id, death.records, 0, death.records)
        else:
            self._change(source, death.batch_id, lambda batch: batch.dead_letter(death.records))

    def _forget(self, source_id: str, ref: CommandRef) -> SourceRecord | None:
        """Give a source a version without records; see StateStore.forget."""
        rows = self._select(
            "WHERE source_id = ?1 AND (source_version > 0"
            " OR EXISTS (SELECT 1 FROM uploads WHERE source_id = ?1)"
            " OR EXISTS (SELECT 1 FROM brought WHERE source_id = ?1 AND is_placed))",
            source_id,
        )
        if not rows:
            return None
        after = forgotten_for(rows[0], ref)
        if ref not in rows[0].wishes:
            self._let_go_files(source_id)
        if after.source_version != rows[0].source_version:
            self._put_forgotten(after)
        self._put_forget_commands(after)
        return after

    def _let_go_files(self, source_id: str) -> None:
        """Keep no file of a source, but one that a job is still to bring."""
        for table, which in (("uploads", ""), ("brought", NOT_TO_COME)):
            where = sql("WHERE source_id = ?", which)
            self._execute(
                sql("INSERT OR IGNORE INTO leaving SELECT blob, job_id, collection FROM", table,
                    where), source_id,
            )  # fmt: skip
            self._execute(sql("DELETE FROM", table, where), source_id)

    def _put_forgotten(self, source: SourceRecord) -> None:
        self._execute(
            "UPDATE sources SET status = ?, source_version = ?, seen = 0, mapped = 0, dead = 0,"
            " dropped = 0, replays = 0, staged = 0, is_showing = 0, is_held = 0, renewal = NULL,"
            " is_read = 1, is_announced = 0, completed_at = NULL, is_forgotten = 1,"
            " shown_version = NULL"
            " WHERE source_id = ?",
            source.status,
            source.source_version,
            source.source_id,
        )
        self._forget_batches(source.source_id)
        account = BatchAccount().record(0)
        self._put_account(source.source_id, source.empty_batch_id, account)

    def _put_forget_commands(self, source: SourceRecord) -> None:
        pairs = [(ref.key, ref.correlation_id) for ref in source.wishes]
        self._execute(
            "UPDATE sources SET wishes = ? WHERE source_id = ?",
            json.dumps(pairs),
            source.source_id,
        )

    def _is_new(self, death: Death) -> bool:
        rows = self._rows(ENTER_LETTER, *astuple(Letter.of(death)))
        return bool(rows)

    def _forget_batches(self, source_id: str) -> None:
        self._execute("DELETE FROM batches WHERE source_id = ?", source_id)
        self._execute("DELETE FROM dead_letters WHERE source_id = ?", source_id)
        self._execute("DELETE FROM resends WHERE source_id = ?", source_id)
        self._execute("DELETE FROM segments WHERE source_id = ?", source_id)
        self._execute("DELETE FROM contradictions WHERE source_id = ?", source_id)
        self._execute("DELETE FROM moves WHERE to_id = ?", source_id)


def _account(row: sqlite3.Row) -> BatchAccount:
    flags = {name: bool(row[name]) for name in ("is_recorded", "is_closed", "is_staged")}
    numbers = {name: row[name] for name in ("records", "mapped", "dead", "staged")}
    return BatchAccount(**numbers, **flags)


def source_of(row: sqlite3.Row) -> SourceRecord:
    """Make a source of its row."""
    values: dict[str, Any] = dict(row)
    for name in FLAGS:
        values[name] = bool(values[name])
    for name in MOMENTS:
        values[name] = values[name] and datetime.fromisoformat(values[name])
    values["rules"] = values["rules"] and parse_rules(values["rules"])
    values["wishes"] = tuple(CommandRef(*pair) for pair in json.loads(values["wishes"]))
    return SourceRecord(**values)
