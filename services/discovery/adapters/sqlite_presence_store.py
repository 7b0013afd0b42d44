"""What of the sources is there, in the ledger's file."""

from services.discovery.adapters.sqlite_group_commit import reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.ledger import SourceRecord


class PresenceRows(LedgerRows):
    """Keeps what was seen of the files beside the accounts of their records."""

    @reads
    def incomplete(self, collection: str, most: int) -> list[SourceRecord]:
        """See PresenceStore."""
        return self._select(
            "WHERE why_incomplete IS NOT NULL AND collection = ? ORDER BY filename LIMIT ?",
            collection,
            most,
        )

    @reads
    def count_incomplete(self, collection: str) -> int:
        """See PresenceStore."""
        rows = self._rows(
            "SELECT count(*) FROM sources WHERE why_incomplete IS NOT NULL AND collection = ?",
            collection,
        )
        return int(rows[0][0])
