"""The stalls, in the file of the ledger."""

import json
from collections.abc import Sequence
from datetime import datetime

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from services.discovery.domain.stalls import Stall


class StallRows(LedgerRows):
    """The part of the ledger that says what stands still."""

    @reads
    def stalls(self, collection: str) -> list[Stall]:
        """See StallStore."""
        rows = self._rows(
            "SELECT * FROM stalls WHERE collection = ? ORDER BY since, source_id", collection
        )
        return [
            Stall(
                row["collection"],
                row["source_id"],
                row["filename"],
                tuple(json.loads(row["numbers"])),
                row["stage"],
                datetime.fromisoformat(row["since"]),
                bool(row["is_announced"]),
            )
            for row in rows
        ]

    @change
    def replace_stalls(self, over: Sequence[str], begun: Sequence[Stall]) -> None:
        """See StallStore."""
        for source_id in over:
            self._execute("DELETE FROM stalls WHERE source_id = ?", source_id)
        for one in begun:
            self._execute(
                "REPLACE INTO stalls (source_id, collection, filename, numbers, stage, since,"
                " is_announced) VALUES (?, ?, ?, ?, ?, ?, ?)",
                one.source_id,
                one.collection,
                one.filename,
                json.dumps(one.numbers),
                one.stage,
                one.since.isoformat(),
                one.is_announced,
            )
