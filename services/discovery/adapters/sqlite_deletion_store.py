"""Collections that are being deleted, and were, in the file of the ledger."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from services.discovery.adapters.sqlite_collection_store import CollectionRows
from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.domain.ledger import CommandRef
from shared.contracts.collections import CollectionRecord
from shared.sqlite_state import sql

SOURCES_AT_ONCE = 256
TABLES = """SELECT tables.name, group_concat(columns.name, ', ')
    FROM (SELECT name FROM sqlite_schema WHERE type = 'table' UNION ALL
        SELECT name FROM sqlite_temp_schema WHERE type = 'table') AS tables
    JOIN pragma_table_info(tables.name) AS columns
    WHERE columns.pk > 0 AND tables.name <> 'sources' AND EXISTS
        (SELECT 1 FROM pragma_table_info(tables.name) WHERE name = ?)
    GROUP BY tables.name"""
"""The tables that have a column, and what tells their rows apart; those beside the file, too."""


class DeletionRows(CollectionRows):
    """The part of the ledger that says what is deleted."""

    @change
    def begin_deletion(self, name: str, ref: CommandRef) -> CollectionRecord | None:
        """See DeletionStore."""
        found = self._collections("WHERE name = ?", name)
        commands = self._commands(found[0].id) if found else []
        if not found or (found[0].state == "deleted" and ref not in commands):
            return None
        if found[0].state == "active":
            self._execute(
                "UPDATE collections SET state = 'deleting', revision = revision + 1"
                " WHERE name = ?",
                name,
            )
        if ref not in commands:
            told = json.dumps([asdict(one) for one in (*commands, ref)])
            self._execute(
                "INSERT INTO deletions (collection_id, commands) VALUES (?1, ?2)"
                " ON CONFLICT (collection_id) DO UPDATE SET commands = ?2",
                found[0].id,
                told,
            )
        return self._collections("WHERE name = ?", name)[0]

    @reads
    def deleting_collections(self) -> list[CollectionRecord]:
        """See DeletionStore."""
        return self._collections("WHERE state = 'deleting' ORDER BY name")

    @reads
    def deleted_at(self, name: str) -> datetime | None:
        """See DeletionStore."""
        rows = self._rows(
            "SELECT ended_at FROM deletions JOIN collections ON id = collection_id"
            " WHERE name = ? AND ended_at IS NOT NULL",
            name,
        )
        return datetime.fromisoformat(rows[0][0]) if rows else None

    @reads
    def deleted_since(self, time: datetime) -> list[str]:
        """See DeletionStore."""
        rows = self._rows(
            "SELECT name FROM deletions JOIN collections ON id = collection_id"
            " WHERE ended_at >= ? ORDER BY name",
            time.isoformat(),
        )
        return [row[0] for row in rows]

    @reads
    def deletion_commands(self, collection_id: str) -> Sequence[CommandRef]:
        """See DeletionStore."""
        return self._commands(collection_id)

    @change
    def remove_rows(self, collection: str, most: int) -> bool:
        """See DeletionStore."""
        some = self._rows(
            "SELECT source_id FROM sources WHERE collection = ? LIMIT ?",
            collection,
            min(most, SOURCES_AT_ONCE),
        )
        sources = json.dumps([row[0] for row in some])
        for table, key in self._rows(TABLES, "source_id"):
            # Its account of a batch goes before a source: the sums find the collection by that.
            which = sql(
                "SELECT", key, "FROM", table,
                "WHERE source_id IN (SELECT value FROM json_each(?)) LIMIT ?",
            )  # fmt: skip
            removal = sql("DELETE FROM", table, f"WHERE ({key}) IN (", which, ") RETURNING 1")
            if some and len(self._rows(removal, sources, most)) == most:
                return True
        self._execute(
            "DELETE FROM sources WHERE source_id IN (SELECT value FROM json_each(?))", sources
        )
        if some:
            return True
        for column in ("collection", "other_collection"):
            for table, _ in self._rows(TABLES, column):
                self._execute(sql("DELETE FROM", table, "WHERE", column, "= ?"), collection)
        return False

    @change
    def bury_collection(self, collection_id: str, now: datetime) -> None:
        """See DeletionStore."""
        self._execute(
            "UPDATE collections SET state = 'deleted', title = name, description = '',"
            " sources = '[]', made_by = NULL, revision = revision + 1"
            " WHERE id = ? AND state = 'deleting'",
            collection_id,
        )
        self._execute(
            "UPDATE deletions SET ended_at = ? WHERE collection_id = ? AND ended_at IS NULL",
            now.isoformat(),
            collection_id,
        )

    def _commands(self, collection_id: str) -> list[CommandRef]:
        rows = self._rows("SELECT commands FROM deletions WHERE collection_id = ?", collection_id)
        return [CommandRef(**one) for row in rows for one in json.loads(row[0])]
