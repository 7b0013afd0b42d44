"""Dead letters in the ledger: replayed, dropped, and what of them is on its way."""

from collections.abc import Sequence
from dataclasses import astuple, fields, replace

from services.discovery.adapters.sqlite_state_store_rows import LETTER, LedgerRows
from services.discovery.domain.ledger import BatchAccount, Death, SourceRecord
from services.discovery.domain.letters import (
    Letter,
    Refused,
    Resend,
    is_whole,
    why_not,
    why_not_now,
)

# The names are our own, the values are all bound: nothing can be injected.
SELECT_LETTERS = f"SELECT {LETTER} FROM dead_letters "  # noqa: S608  see above
RESEND = ", ".join(field.name for field in fields(Resend))
PUT_RESEND = (
    f"INSERT OR REPLACE INTO resends (source_id, letter_key, {RESEND})"  # noqa: S608  see above
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class LetterRows(LedgerRows):
    """The methods of the ledger about dead letters; each is one durable transaction."""

    async def replay(
        self, death: Death, resends: Sequence[Resend], command: str
    ) -> Sequence[Resend] | Refused:
        """See LetterLedger."""
        async with self._transaction():
            rows = await self._select("WHERE source_id = ?", death.source_id)
            source = rows[0] if rows else None
            if (reason := why_not_now(source, death.source_version)) or source is None:
                return reason or Refused("")
            if source.completed_at is None and await self._is_new(death):
                await self._bury(source, death)
            letter = await self._letter(death.key)
            account = await self._account(death.batch_id)
            told_dead = await self._told_dead(death.batch_id)
            if (reason := why_not(letter, account, told_dead)) or letter is None:
                return reason or Refused("")
            if letter.fate == "dead":
                await self._revive(source, letter, account or BatchAccount(), death, resends)
                await self._reopen(source, letter, command)
            return await self._resends("WHERE letter_key = ?", letter.key)

    async def drop(self, death: Death, command: str) -> None:
        """See LetterLedger."""
        async with self._transaction():
            source = await self._current(death.source_id, death.source_version)
            if source is None or source.is_forgotten:
                return
            if source.completed_at is None and await self._is_new(death):
                await self._bury(source, death)
            letter = await self._letter(death.key)
            if letter is None or letter.fate != "dead":
                return
            await self._put_fate(replace(letter, fate="dropped", command=command))
            await self._execute(
                "UPDATE sources SET dropped = min(dead, dropped + ?) WHERE source_id = ?",
                letter.records,
                letter.source_id,
            )

    async def unreadable(self, source_id: str) -> list[Letter]:
        """See LetterLedger."""
        async with self._transaction("BEGIN"):
            rows = await self._rows(
                SELECT_LETTERS + "WHERE source_id = ? AND byte_offset IS NOT NULL"
                " AND batch_id IS NULL ORDER BY byte_offset, key",
                source_id,
            )
            return [Letter(*row) for row in rows]

    async def settled_by(self, command: str) -> list[Letter]:
        """See LetterLedger."""
        async with self._transaction("BEGIN"):
            rows = await self._rows(SELECT_LETTERS + "WHERE command = ?", command)
            return [Letter(*row) for row in rows]

    async def resends(self) -> list[Resend]:
        """See LetterLedger."""
        async with self._transaction("BEGIN"):
            return await self._resends("ORDER BY batch_id")

    async def _letter(self, key: str) -> Letter | None:
        rows = await self._rows(SELECT_LETTERS + "WHERE key = ?", key)
        return Letter(*rows[0]) if rows else None

    async def _told_dead(self, batch_id: str | None) -> int:
        rows = await self._rows(
            "SELECT coalesce(sum(records), 0) FROM dead_letters"
            " WHERE batch_id = ? AND fate IN ('dead', 'dropped')",
            batch_id,
        )
        return int(rows[0][0])

    async def _resends(self, where: str, *values: str) -> list[Resend]:
        rows = await self._rows(
            f"SELECT {RESEND} FROM resends {where}",  # noqa: S608
            *values,
        )
        return [Resend(*row) for row in rows]

    async def _revive(
        self,
        source: SourceRecord,
        letter: Letter,
        account: BatchAccount,
        death: Death,
        resends: Sequence[Resend],
    ) -> None:
        """Have what was dead count as in flight."""
        sent = sum(resend.records for resend in resends)
        await self._count(source.source_id, sent - letter.records, 0, -letter.records)
        if death.batch_id is not None and is_whole(death, resends):
            after = replace(account.revive(letter.records), is_recorded=True)
            await self._put_account(source.source_id, death.batch_id, after)
        elif death.batch_id is not None:
            after = account.release(letter.records)
            await self._put_account(source.source_id, death.batch_id, after)
            await self._execute(
                "DELETE FROM batches WHERE batch_id = ? AND dead = 0", death.batch_id
            )
        for resend in resends:
            if resend.batch_id != death.batch_id:
                fresh = BatchAccount().record(resend.records)
                await self._put_account(source.source_id, resend.batch_id, fresh)
            await self._execute(PUT_RESEND, source.source_id, letter.key, *astuple(resend))

    async def _reopen(self, source: SourceRecord, letter: Letter, command: str) -> None:
        turn = source.replays + 1
        await self._put_fate(replace(letter, fate="replayed", command=command, turn=turn))
        await self._execute(
            "UPDATE sources SET status = iif(status = 'completed', 'dispatched', status),"
            " completed_at = NULL, is_announced = 0, replays = ? WHERE source_id = ?",
            turn,
            source.source_id,
        )

    async def _put_fate(self, letter: Letter) -> None:
        await self._execute(
            "UPDATE dead_letters SET fate = ?, command = ?, turn = ? WHERE key = ?",
            letter.fate,
            letter.command,
            letter.turn,
            letter.key,
        )
