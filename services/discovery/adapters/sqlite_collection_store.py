"""The records of the collections, in the file of the ledger."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_state_store_rows import LedgerRows
from shared.contracts.collections import CollectionRecord
from shared.sqlite_state import sql

COLUMNS = tuple(CollectionRecord.model_fields)
CHOICE = "coalesce((SELECT is_on FROM analysis_choices WHERE collection = name), 1) AS is_analyzed"
OWN = tuple(one for one in COLUMNS if one != "is_analyzed")
SELECT = sql("SELECT", ", ".join((*OWN, CHOICE)), "FROM collections ")
KEPT = (*OWN, "made_by", "told_revision")
ADD = sql(
    "INSERT OR IGNORE INTO collections (", ", ".join(KEPT), ") VALUES (",
    ", ".join(f":{column}" for column in KEPT), ")",
)  # fmt: skip


CHANGES = [
    sql("CREATE TEMP TRIGGER IF NOT EXISTS", when, "BEGIN SELECT collections_changed(); END")
    for when in (
        "collection_came AFTER INSERT ON collections",
        "collection_changed AFTER UPDATE OF revision, state ON collections",
        "collection_went AFTER DELETE ON collections",
    )
]
"""Whatever changes a record tells of it; what is undone afterwards is told in vain."""


class CollectionRows(LedgerRows):
    """The part of the ledger that says which collections there are."""

    def tell_changes_to(self, tell: Callable[[], None]) -> None:
        """See CollectionStore."""
        loop = asyncio.get_running_loop()

        # It is called in the thread of the ledger, before who makes the change is answered.
        def note() -> None:
            loop.call_soon_threadsafe(tell)

        self._connection.create_function("collections_changed", 0, note)
        for one in CHANGES:
            self._connection.execute(one)

    @change
    def add_collections(self, records: Sequence[CollectionRecord]) -> None:
        """See CollectionStore."""
        self._connection.executemany(ADD, [_row(one) for one in records])

    @change
    def create_collection(self, record: CollectionRecord, command: str) -> CollectionRecord | None:
        """See CollectionStore."""
        if self._connection.execute(ADD, _row(record, command, record.revision)).rowcount > 0:
            self._execute("INSERT OR IGNORE INTO resting (collection) VALUES (?)", record.name)
        found = self._collections("WHERE name = ? AND made_by = ?", record.name, command)
        return found[0] if found else None

    @change
    def withdraw_collection(self, collection_id: str) -> None:
        """See CollectionStore."""
        self._execute("DELETE FROM collections WHERE id = ?", collection_id)

    @reads
    def find_collection(self, name: str) -> CollectionRecord | None:
        """See CollectionStore."""
        found = self._collections("WHERE name = ? AND state <> 'deleted'", name)
        return found[0] if found else None

    @reads
    def list_collections(self, after: str, most: int) -> list[CollectionRecord]:
        """See CollectionStore."""
        return self._collections(
            "WHERE name > ? AND state <> 'deleted' ORDER BY name LIMIT ?", after, most
        )

    @change
    def rename_collection(
        self,
        name: str,
        title: str | None,
        description: str | None,
        is_analyzed: bool | None = None,  # noqa: FBT001  as the others, given or not
    ) -> CollectionRecord | None:
        """See CollectionStore; the answer to the command tells of it."""
        found = self._collections("WHERE name = ? AND state = 'active'", name)
        if not found:
            return None
        is_chosen = is_analyzed not in (None, found[0].is_analyzed)
        if is_chosen:
            self._execute("REPLACE INTO analysis_choices VALUES (?, ?)", name, is_analyzed)
        self._execute(
            "UPDATE collections SET title = coalesce(?2, title),"
            " description = coalesce(?3, description), revision = revision + 1,"
            " told_revision = revision + 1 WHERE name = ?1 AND state = 'active'"
            " AND (title <> ?2 OR description <> ?3 OR ?4)",
            name,
            title,
            description,
            is_chosen,
        )
        return self._collections("WHERE name = ?", name)[0]

    @reads
    def untold_collections(self) -> list[CollectionRecord]:
        """See CollectionStore."""
        return self._collections("WHERE told_revision < revision ORDER BY name")

    @change
    def mark_collection_told(self, collection_id: str, revision: int) -> None:
        """See CollectionStore."""
        self._execute(
            "UPDATE collections SET told_revision = max(told_revision, ?) WHERE id = ?",
            revision,
            collection_id,
        )

    def _collections(self, where: str, *values: Any) -> list[CollectionRecord]:
        rows = self._rows(SELECT + where, *values)
        return [_record(dict(row)) for row in rows]


def _row(record: CollectionRecord, made_by: str | None = None, told: int = 0) -> dict[str, Any]:
    fields = record.model_dump(mode="json")
    sources = json.dumps(fields["sources"])
    return {**fields, "sources": sources, "made_by": made_by, "told_revision": told}


def _record(row: dict[str, Any]) -> CollectionRecord:
    return CollectionRecord.model_validate({**row, "sources": json.loads(row["sources"])})
