"""Reading and writing single rows of the ledger, inside a transaction."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import astuple, fields
from datetime import datetime
from typing import Any

import aiosqlite

from services.discovery.domain.ledger import BatchAccount, Commit, Death, SourceRecord, Wish
from services.discovery.domain.letters import Letter
from services.discovery.domain.sources import SourceStat, display_name
from shared.errors import TransientError

COLUMNS = ", ".join(field.name for field in fields(SourceRecord))
ACCOUNT = ", ".join(field.name for field in fields(BatchAccount))
# The names are our own, the values are all bound: nothing can be injected.
SELECT_SOURCES = f"SELECT {COLUMNS} FROM sources "  # noqa: S608  see above
SELECT_ACCOUNT = f"SELECT {ACCOUNT} FROM batches WHERE batch_id = ?"  # noqa: S608  see above
PUT_ACCOUNT = (
    f"INSERT OR REPLACE INTO batches (batch_id, source_id, is_settled, {ACCOUNT})"  # noqa: S608
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
LETTER = ", ".join(field.name for field in fields(Letter))
ENTER_LETTER = (
    f"INSERT OR IGNORE INTO dead_letters ({LETTER})"  # noqa: S608  see above
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING key"
)
PUT_STAT = (
    "INSERT INTO sources (source_id, collection, filename, path, size, mtime_ns, status,"  # noqa: S608
    " discovered_at) VALUES (?, ?, ?, ?, ?, ?, 'incomplete', ?)"
    " ON CONFLICT (source_id) DO UPDATE SET path = excluded.path, size = excluded.size,"
    f" mtime_ns = excluded.mtime_ns RETURNING {COLUMNS}"
)


class LedgerRows:
    """What the methods of the ledger are made of; all but ``_transaction`` need one around."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> AsyncGenerator[None]:
        async with self._lock:
            try:
                await self._connection.execute(begin)
                yield
                await self._connection.commit()
            except sqlite3.Error as error:
                await self._connection.rollback()
                raise TransientError(f"the ledger of discovery: {error}") from error
            except BaseException:
                await self._connection.rollback()
                raise

    async def _rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        # One way to the connection's thread and back; a cursor of its own would take three.
        return list(await self._connection.execute_fetchall(sql, values))

    async def _execute(self, sql: str, *values: Any) -> None:
        await self._connection.execute_fetchall(sql, values)

    async def _select(self, where: str, *values: Any) -> list[SourceRecord]:
        rows = await self._rows(SELECT_SOURCES + where, *values)
        return [_source(row) for row in rows]

    async def _current(self, source_id: str, version: int) -> SourceRecord | None:
        rows = await self._select("WHERE source_id = ? AND source_version = ?", source_id, version)
        return rows[0] if rows else None

    async def _put_stat(self, stat: SourceStat, now: datetime) -> SourceRecord:
        rows = await self._rows(
            PUT_STAT,
            stat.source_id,
            stat.collection,
            stat.filename,
            display_name(stat.path),
            stat.size,
            stat.mtime_ns,
            now.isoformat(),
        )
        return _source(rows[0])

    async def _change(
        self,
        source: SourceRecord,
        batch_id: str,
        change: Callable[[BatchAccount], BatchAccount],
    ) -> None:
        known = await self._account(batch_id)
        if known is None and source.was_completed:
            return  # late news about a batch whose account is closed
        before = known or BatchAccount()
        after = change(before)
        await self._put_account(source.source_id, batch_id, after)
        await self._count(
            source.source_id,
            after.records - before.records,
            after.mapped - before.mapped,
            after.dead - before.dead,
        )

    async def _account(self, batch_id: str | None) -> BatchAccount | None:
        rows = await self._rows(SELECT_ACCOUNT, batch_id)
        return _account(rows[0]) if rows else None

    async def _put_account(self, source_id: str, batch_id: str, account: BatchAccount) -> None:
        await self._execute(
            PUT_ACCOUNT,
            batch_id,
            source_id,
            account.is_settled,
            *(getattr(account, field.name) for field in fields(account)),
        )
        if account.is_settled:
            await self._execute("DELETE FROM resends WHERE batch_id = ?", batch_id)

    async def _count(self, source_id: str, seen: int, mapped: int, dead: int) -> None:
        await self._execute(
            "UPDATE sources SET seen = seen + ?1, mapped = mapped + ?2, dead = dead + ?3,"
            " dropped = min(dropped, dead + ?3) WHERE source_id = ?4",
            seen,
            mapped,
            dead,
            source_id,
        )

    async def _commit(self, source: SourceRecord, commit: Commit) -> None:
        await self._change(source, commit.batch_id, lambda batch: batch.commit(commit.records))

    async def _bury(self, source: SourceRecord, death: Death) -> None:
        if death.batch_id is None:
            await self._count(source.source_id, death.records, 0, death.records)
        else:
            await self._change(source, death.batch_id, lambda batch: batch.bury(death.records))

    async def _put_forgotten(self, source: SourceRecord) -> None:
        await self._execute(
            "UPDATE sources SET status = ?, source_version = ?, seen = 0, mapped = 0, dead = 0,"
            " dropped = 0, replays = 0,"
            " is_read = 1, is_announced = 0, completed_at = NULL, is_forgotten = 1"
            " WHERE source_id = ?",
            source.status,
            source.source_version,
            source.source_id,
        )
        await self._forget_batches(source.source_id)
        account = BatchAccount().record(0)
        await self._put_account(source.source_id, source.empty_batch_id, account)

    async def _put_wishes(self, source: SourceRecord) -> None:
        pairs = [(wish.key, wish.correlation_id) for wish in source.wishes]
        await self._execute(
            "UPDATE sources SET wishes = ? WHERE source_id = ?",
            json.dumps(pairs),
            source.source_id,
        )

    async def _is_new(self, death: Death) -> bool:
        rows = await self._rows(ENTER_LETTER, *astuple(Letter.of(death)))
        return bool(rows)

    async def _forget_batches(self, source_id: str) -> None:
        await self._execute("DELETE FROM batches WHERE source_id = ?", source_id)
        await self._execute("DELETE FROM dead_letters WHERE source_id = ?", source_id)
        await self._execute("DELETE FROM resends WHERE source_id = ?", source_id)

    async def _settle(self, source_ids: Iterable[str], now: datetime) -> list[SourceRecord]:
        ended: list[SourceRecord] = []
        for source_id in source_ids:
            changed = await self._rows(
                "UPDATE sources SET status = iif(is_forgotten, 'forgotten', 'completed'),"
                " completed_at = ?2, is_announced = 0"
                " WHERE source_id = ?1 AND status = 'dispatched' AND is_read AND NOT EXISTS"
                " (SELECT 1 FROM batches WHERE source_id = ?1 AND NOT is_settled)"
                " RETURNING source_id",
                source_id,
                now.isoformat(),
            )
            if changed:
                # A batch with dead records stays, since they may be replayed and mapped after all.
                await self._execute(
                    "DELETE FROM batches WHERE source_id = ? AND dead = 0", source_id
                )
            ended += await self._select(
                "WHERE source_id = ? AND status IN ('completed', 'forgotten')"
                " AND NOT is_announced",
                source_id,
            )
        return ended


def _account(row: sqlite3.Row) -> BatchAccount:
    flags = {name: bool(row[name]) for name in ("is_recorded", "is_closed")}
    return BatchAccount(row["records"], row["mapped"], row["dead"], **flags)


def _source(row: sqlite3.Row) -> SourceRecord:
    values: dict[str, Any] = dict(row)
    for name in ("is_read", "is_announced", "is_forgotten"):
        values[name] = bool(values[name])
    for name in ("discovered_at", "completed_at"):
        values[name] = values[name] and datetime.fromisoformat(values[name])
    values["wishes"] = tuple(Wish(*pair) for pair in json.loads(values["wishes"]))
    return SourceRecord(**values)
