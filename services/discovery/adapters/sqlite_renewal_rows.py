"""Versions of sources that jobs have made: how one begins, and is put back."""

import json

from services.discovery.adapters.sqlite_state_store_rows import COLUMNS, LedgerRows, source_of
from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.job_kinds import KINDS
from services.discovery.domain.ledger import SourceRecord
from shared.sqlite_state import sql

KEPT = ("fingerprint", "content_size", "seen", "mapped", "dead", "dropped")
"""What is put back of the row of a source."""
READING = ", ".join(f"'{kind.name}'" for kind in KINDS.values() if kind.reads)
BRINGING = ", ".join(f"'{kind.name}'" for kind in KINDS.values() if kind.brings)
RECHOOSING = ", ".join(f"'{kind.name}'" for kind in KINDS.values() if kind.rechooses)
NOTE_BEGUN = sql(
    "UPDATE jobs SET version = ?2, before = coalesce(before, ?3),",
    f"is_decided = is_decided OR (kind NOT IN ({BRINGING}) AND coalesce(before, ?3) IS NULL)",
    f"WHERE source_id = ?1 AND state = 'running' AND kind IN ({READING})",
    f"AND NOT (phase = 'acquiring' AND kind IN ({RECHOOSING}) AND preferences IS NOT NULL)",
    f"AND (kind NOT IN ({BRINGING}) OR EXISTS",
    "(SELECT 1 FROM brought WHERE job = jobs.id AND is_placed))",
)
"""What had not been shown whole before cannot be put back; what comes with a file of its own is
read again from the one before."""
PUT_BACK = sql(
    "UPDATE sources SET source_version = source_version + 1, status = 'dispatched',",
    "renewal = 'discarding', rules = NULL, is_read = 1, is_showing = 0, is_held = 0, staged = 0,",
    "replays = 0, completed_at = NULL, is_announced = 0, reason = NULL,",
    ", ".join(f"{name} = :{name}" for name in (*KEPT, "shown_version")),
    "WHERE source_id = :source_id RETURNING",
    COLUMNS,
)


class RenewalRows(LedgerRows):
    """The part of the ledger that knows which versions jobs make."""

    def _begin_for_job(self, known: SourceRecord, version: int) -> None:
        """Note that a version begins, for the job that has it made, and what was before."""
        before = {name: getattr(known, name) for name in KEPT}
        before["shown_version"] = known.shown_version or known.source_version
        told = json.dumps(before) if known.was_completed else None
        self._execute(NOTE_BEGUN, known.source_id, version, told)

    def _renewal(self, source_id: str, version: int) -> tuple[bool, bool]:
        """Tell whether a job makes a version, and whether of fresh vectors only."""
        rows = self._rows(
            "SELECT is_fresh FROM jobs WHERE source_id = ? AND state = 'running' AND version = ?",
            source_id,
            version,
        )
        return bool(rows), bool(rows and rows[0][0])

    def _put_back(self, source_id: str, before: str) -> None:
        """Put the coming version of a source aside: its rows are those of the one before.

        Numbers of versions never go back, so it gets the next one, by whose only batch what waits
        goes unseen. What is appended later cannot go on from here: the file is read as a whole.
        """
        self._forget_batches(source_id)
        values = {**json.loads(before), "source_id": source_id}
        (row,) = self._connection.execute(PUT_BACK, values).fetchall()
        account = BatchAccount().record(0)
        self._put_account(source_id, source_of(row).discarding_batch_id, account)
