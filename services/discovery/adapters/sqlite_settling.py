"""How versions end: shown, completed, forgotten, or put aside."""

from collections.abc import Iterable
from datetime import datetime

from services.discovery.adapters.sqlite_state_store_rows import COLUMNS, LedgerRows, source_of
from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.holding import is_too_dead, why_held
from services.discovery.domain.ledger import SourceRecord
from shared.sqlite_state import sql

IS_BEING_PUT_ASIDE = (
    "fingerprint IS NULL AND EXISTS (SELECT 1 FROM batches"
    " WHERE batches.source_id = sources.source_id AND NOT is_settled)"
)
"""Of a source that has failed: whether what puts its version aside is on its way."""
IS_BEING_MOVED = (
    "EXISTS (SELECT 1 FROM moves JOIN batches USING (batch_id)"
    " WHERE moves.to_id = sources.source_id AND NOT batches.is_settled)"
)
"""Whether it gets its rows from another name, and that was not heard of yet."""
PUT_ASIDE = sql(
    "UPDATE sources SET source_version = source_version + 1, fingerprint = NULL,",
    "content_size = NULL, seen = 0, mapped = 0, dead = 0, dropped = 0, replays = 0, staged = 0,",
    "is_read = 0 WHERE source_id = ? RETURNING",
    COLUMNS,
)


class SettlingRows(LedgerRows):
    """What the methods of the ledger do after news of a source, in the same transaction."""

    def _show(self, source_id: str) -> None:
        """Decide that a version is shown, if batches wait and of no other one is to be heard.

        One of which nothing has arrived is shown, too: what it replaces has to go. It is held
        back instead if too much of it died; once it is to be shown, that stands.
        """
        rows = self._select(
            "WHERE source_id = ?1 AND status = 'dispatched' AND is_read"
            " AND renewal IS NOT 'discarding' AND NOT EXISTS"
            " (SELECT 1 FROM batches WHERE source_id = ?1 AND NOT is_settled)",
            source_id,
        )
        for source in rows:
            is_lost = source.is_all_dead and self._account(source.showing_batch_id) is None
            query = "SELECT 1 FROM batches WHERE source_id = ? AND (is_staged OR ? AND dead > 0)"
            if not self._rows(query, source_id, is_lost):
                continue
            keeps_any = source.staged or source.replaces
            if keeps_any and is_too_dead(source) and not source.is_showing:
                self._hold(source)
                continue
            self._put_account(source_id, source.showing_batch_id, BatchAccount().record(0))
            self._execute(
                "UPDATE sources SET is_showing = 1, is_held = 0 WHERE source_id = ?", source_id
            )

    def _hold(self, source: SourceRecord) -> None:
        """Hold a version back: it waits as it is, and its source has failed."""
        self._execute(
            "UPDATE sources SET status = 'failed', is_held = 1, reason = ?, is_announced = 0"
            " WHERE source_id = ?",
            why_held(source),
            source.source_id,
        )

    def _put_aside(self, source_id: str) -> None:
        """Give a source that has failed a version without content, if anything of it waits."""
        waiting = "WHERE source_id = ? AND status = 'failed' AND staged > 0 AND NOT is_held"
        for _ in self._select(waiting, source_id):
            self._forget_batches(source_id)
            (row,) = self._rows(PUT_ASIDE, source_id)
            account = BatchAccount().record(0)
            self._put_account(source_id, source_of(row).discarding_batch_id, account)

    def _settle(self, source_ids: Iterable[str], now: datetime) -> list[SourceRecord]:
        ended: list[SourceRecord] = []
        for source_id in source_ids:
            self._show(source_id)
            self._put_aside(source_id)
            changed = self._rows(
                "UPDATE sources SET status = iif(is_forgotten, 'forgotten', 'completed'),"
                " completed_at = ?2, is_announced = 0, is_showing = 0,"
                " renewal = nullif(renewal, 'discarding')"
                " WHERE source_id = ?1 AND status = 'dispatched' AND is_read AND NOT EXISTS"
                " (SELECT 1 FROM batches WHERE source_id = ?1 AND NOT is_settled)"
                " RETURNING source_id",
                source_id,
                now.isoformat(),
            )
            if changed:
                # A batch with dead records stays, since they may be replayed and mapped after all.
                self._execute("DELETE FROM batches WHERE source_id = ? AND dead = 0", source_id)
                # Of what was read, only where it ended is asked for again.
                self._execute(
                    "DELETE FROM segments WHERE source_id = ?1 AND number <"
                    " (SELECT max(number) FROM segments WHERE source_id = ?1)",
                    source_id,
                )
                self._execute("UPDATE segments SET is_settled = 1 WHERE source_id = ?", source_id)
            ended += self._select(
                "WHERE source_id = ? AND (is_showing OR"
                " status IN ('completed', 'forgotten') AND NOT is_announced OR"
                f" status = 'failed' AND (is_held AND NOT is_announced OR {IS_BEING_PUT_ASIDE}))",
                source_id,
            )
        return ended
