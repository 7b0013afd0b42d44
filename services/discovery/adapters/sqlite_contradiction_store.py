"""What was told and cannot all be true, in the file of the ledger."""

from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.contradictions import Contradiction


class ContradictionRows(LedgerRows):
    """The part of the ledger that says of which batches two things were told."""

    @reads
    def contradictions(self, collection: str, most: int) -> list[Contradiction]:
        """See ContradictionStore."""
        rows = self._rows(
            "SELECT collection, source_id, filename, batch_id, what, contradictions.since AS since"
            " FROM contradictions JOIN sources USING (source_id)"
            " WHERE collection = ? ORDER BY contradictions.since, batch_id LIMIT ?",
            collection,
            most,
        )
        return [
            Contradiction(
                row["collection"],
                row["source_id"],
                row["filename"],
                row["batch_id"],
                row["what"],
                datetime.fromisoformat(row["since"]),
            )
            for row in rows
        ]

    @reads
    def count_contradictions(self, collection: str) -> int:
        """See ContradictionStore."""
        rows = self._rows(
            "SELECT count(*) FROM contradictions JOIN sources USING (source_id)"
            " WHERE collection = ?",
            collection,
        )
        return int(rows[0][0])
