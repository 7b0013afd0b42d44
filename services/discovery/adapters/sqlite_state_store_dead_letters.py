"""Dead letters in the ledger: replayed, dropped, and what of them is on its way."""

from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_settling import SettlingRows
from services.discovery.adapters.sqlite_state_store_rows import LETTER
from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.dead_letters import (
    Letter,
    Refused,
    Remains,
    Resend,
    is_whole,
    why_not,
    why_not_now,
)
from services.discovery.domain.holding import is_too_dead, why_held
from services.discovery.domain.ledger import Death, SourceRecord
from shared.sqlite_state import sql

SELECT_LETTERS = sql("SELECT", LETTER, "FROM dead_letters ")
RESEND = ", ".join(field.name for field in fields(Resend))
PUT_RESEND = sql(
    f"INSERT OR REPLACE INTO resends (source_id, letter_key, {RESEND})",
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
)


class LetterRows(SettlingRows):
    """The methods of the ledger about dead letters; each is one durable transaction."""

    @change
    def replay(
        self,
        death: Death,
        resends: Sequence[Resend],
        command: str,
        remains: Remains | None = None,
    ) -> Sequence[Resend] | Refused:
        """See LetterLedger."""
        rows = self._select("WHERE source_id = ?", death.source_id)
        source = rows[0] if rows else None
        if (reason := why_not_now(source, death.source_version)) or source is None:
            return reason or Refused("")
        if source.completed_at is None and self._is_new(death):
            self._dead_letter(source, death)
        letter = self._letter(death.key)
        account = self._account(death.batch_id)
        told_dead = self._told_dead(death.batch_id)
        if (reason := why_not(letter, account, told_dead)) or letter is None:
            return reason or Refused("")
        if letter.fate == "dead":
            self._revive(source, letter, account or BatchAccount(), death, resends)
            self._reopen(source, remains.taken_from(letter) if remains else letter, command)
            for rest in remains.deaths if remains else ():
                if self._is_new(rest):
                    self._dead_letter(source, rest)
        return self._resends("WHERE letter_key = ?", letter.key)

    @change
    def drop(self, death: Death, command: str, now: datetime) -> list[SourceRecord]:
        """See LetterLedger."""
        source = self._current(death.source_id, death.source_version)
        if source is None or source.is_forgotten:
            return []
        if source.completed_at is None and self._is_new(death):
            self._dead_letter(source, death)
        letter = self._letter(death.key)
        if letter is None or letter.fate != "dead":
            return []
        self._put_fate(replace(letter, fate="dropped", command=command))
        self._execute(
            "UPDATE sources SET dropped = min(dead, dropped + ?) WHERE source_id = ?",
            letter.records,
            letter.source_id,
        )
        held = self._select("WHERE source_id = ? AND is_held", letter.source_id)
        return self._let_go(held[0], now) if held and held[0].status == "failed" else []

    @reads
    def unreadable(self, source_id: str) -> list[Letter]:
        """See LetterLedger."""
        rows = self._rows(
            SELECT_LETTERS + "WHERE source_id = ? AND byte_offset IS NOT NULL"
            " AND batch_id IS NULL ORDER BY byte_offset, key",
            source_id,
        )
        return [Letter(*row) for row in rows]

    @reads
    def settled_by(self, command: str) -> list[Letter]:
        """See LetterLedger."""
        rows = self._rows(SELECT_LETTERS + "WHERE command = ?", command)
        return [Letter(*row) for row in rows]

    @reads
    def resends(self, collection: str) -> list[Resend]:
        """See LetterLedger."""
        return self._resends("WHERE collection = ? ORDER BY batch_id", collection)

    def _let_go(self, held: SourceRecord, now: datetime) -> list[SourceRecord]:
        """Show a version that was held back, if what is given up is enough for that."""
        if is_too_dead(held):
            why = why_held(held)
            self._execute("UPDATE sources SET reason = ? WHERE source_id = ?", why, held.source_id)
            return []
        self._execute(
            "UPDATE sources SET status = 'dispatched', reason = NULL, is_announced = 0"
            " WHERE source_id = ?",
            held.source_id,
        )
        return self._settle([held.source_id], now)

    def _letter(self, key: str) -> Letter | None:
        rows = self._rows(SELECT_LETTERS + "WHERE key = ?", key)
        return Letter(*rows[0]) if rows else None

    def _told_dead(self, batch_id: str | None) -> int:
        rows = self._rows(
            "SELECT coalesce(sum(records), 0) FROM dead_letters"
            " WHERE batch_id = ? AND fate IN ('dead', 'dropped')",
            batch_id,
        )
        return int(rows[0][0])

    def _resends(self, where: str, *values: str) -> list[Resend]:
        rows = self._rows(
            sql("SELECT", RESEND, "FROM resends", where),
            *values,
        )
        return [Resend(*row) for row in rows]

    def _revive(
        self,
        source: SourceRecord,
        letter: Letter,
        account: BatchAccount,
        death: Death,
        resends: Sequence[Resend],
    ) -> None:
        """Have what was dead count as in flight."""
        sent = sum(resend.records for resend in resends)
        self._count(source.source_id, sent - letter.records, 0, -letter.records)
        if death.batch_id is not None and is_whole(death, resends):
            after = replace(account.revive(letter.records), is_recorded=True)
            self._put_account(source.source_id, death.batch_id, after)
        elif death.batch_id is not None:
            after = account.release(letter.records)
            self._put_account(source.source_id, death.batch_id, after)
            # What has come of it stays: it may wait yet to be shown.
            self._execute("DELETE FROM batches WHERE batch_id = ? AND records = 0", death.batch_id)
        for resend in resends:
            if resend.batch_id != death.batch_id:
                fresh = BatchAccount().record(resend.records)
                self._put_account(source.source_id, resend.batch_id, fresh)
            self._execute(PUT_RESEND, source.source_id, letter.key, *astuple(resend))

    def _reopen(self, source: SourceRecord, letter: Letter, command: str) -> None:
        turn = source.replays + 1
        self._put_fate(replace(letter, fate="replayed", command=command, turn=turn))
        self._execute(
            "UPDATE sources SET"
            " status = iif(status = 'completed' OR is_held, 'dispatched', status),"
            " reason = iif(is_held, NULL, reason),"
            " completed_at = NULL, is_announced = 0, replays = ? WHERE source_id = ?",
            turn,
            source.source_id,
        )

    def _put_fate(self, letter: Letter) -> None:
        self._execute(
            "UPDATE dead_letters SET fate = ?, command = ?, turn = ?, records = ?, spans = ?"
            " WHERE key = ?",
            letter.fate,
            letter.command,
            letter.turn,
            letter.records,
            letter.spans,
            letter.key,
        )
