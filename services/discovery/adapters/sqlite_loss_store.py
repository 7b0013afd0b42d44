"""What was lost on the bus, in the file of the ledger."""

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.ledger import SourceRecord


class LossRows(LedgerRows):
    """The part of the ledger that is asked for what was lost."""

    @reads
    def births(self, collection: str) -> str | None:
        """See LossStore."""
        rows = self._rows("SELECT births FROM ways WHERE collection = ?", collection)
        return rows[0][0] if rows else None

    @change
    def note_births(self, collection: str, births: str) -> None:
        """See LossStore."""
        self._execute("REPLACE INTO ways (collection, births) VALUES (?, ?)", collection, births)

    @reads
    def lost_with_source(self, collection: str) -> list[SourceRecord]:
        """See LossStore."""
        return self._select(
            "WHERE status = 'failed' AND collection = ? AND seen > mapped + dead"
            " ORDER BY filename",
            collection,
        )

    @reads
    def lost_batches(self, source_id: str) -> list[str]:
        """See LossStore."""
        query = """SELECT batch_id FROM batches
            WHERE source_id = ? AND NOT is_settled AND NOT is_staged ORDER BY batch_id"""
        return [batch_id for (batch_id,) in self._rows(query, source_id)]

    @change
    def withdraw(self, source_id: str) -> int:
        """See LossStore."""
        found = self._select("WHERE source_id = ? AND status = 'failed'", source_id)
        if not found:
            return 0
        for row in self._rows(
            "SELECT batch_id FROM batches WHERE source_id = ? AND NOT is_settled", source_id
        ):
            self._change(found[0], row[0], BatchAccount.withdraw, is_news=False)
        (after,) = self._select("WHERE source_id = ?", source_id)
        return found[0].seen - after.seen
