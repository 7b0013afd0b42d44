"""What of the sources is there, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.discovery.domain.ledger import SourceRecord, is_due, lacks_facts, needs_look
from services.discovery.domain.sources import SourceStat


class FakePresence:
    """The part of the ledger in memory that follows the files."""

    sources: dict[str, SourceRecord]

    async def incomplete(self, collection: str, most: int) -> list[SourceRecord]:
        rows = [row for row in self._ordered(collection) if row.why_incomplete is not None]
        return rows[:most]

    async def count_incomplete(self, collection: str) -> int:
        return len(await self.incomplete(collection, len(self.sources)))

    async def gone(self, collection: str, most: int) -> list[SourceRecord]:
        return [row for row in self._ordered(collection) if _is_gone(row)][:most]

    async def count_gone(self, collection: str) -> int:
        return len(await self.gone(collection, len(self.sources)))

    async def being_read(self, collection: str) -> list[SourceRecord]:
        return [row for row in self._ordered(collection) if row.status == "reading"]

    async def there(self, collection: str, after: str, most: int) -> dict[str, tuple[str, str]]:
        rows = [row for row in self._ordered(collection) if row.is_read and not row.gone_at]
        wanted = [row for row in rows if not row.is_forgotten and row.filename > after]
        return {row.filename: (row.source_id, row.path) for row in wanted[:most]}

    async def all_gone(self, collection: str) -> list[SourceRecord]:
        return [row for row in self._ordered(collection) if _is_gone(row)]

    async def note_gone(
        self, same_as: Mapping[str, str | None], now: datetime
    ) -> list[SourceRecord]:
        found = []
        for source_id, filename in same_as.items():
            row = self.sources.get(source_id)
            if row is not None and row.source_version and row.gone_at is None:
                found.append(self._see(source_id, gone_at=now, returned_at=None, same_as=filename))
                self._see(source_id, why_incomplete=None, incomplete_since=None)
        return found

    async def note_returned(self, source_ids: Sequence[str], now: datetime) -> list[SourceRecord]:
        found = []
        for source_id in source_ids:
            row = self.sources.get(source_id)
            if row is not None and row.gone_at is not None:
                content = None if row.is_forgotten_as_gone else row.fingerprint
                moments: dict[str, Any] = {"gone_at": None, "returned_at": now, "same_as": None}
                found.append(self._see(source_id, **moments, fingerprint=content))
        return found

    async def unremarkable(
        self, stats: Sequence[SourceStat], checked_since: datetime | None
    ) -> set[str]:
        rows = [(self.sources.get(stat.source_id), stat) for stat in stats]
        return {
            row.source_id
            for row, stat in rows
            if row is not None
            and not needs_look(row, stat)
            and not lacks_facts(row)
            and not (checked_since and is_due(row, checked_since))
            and row.is_read
            and row.status != "failed"
            and row.gone_at is None
            and row.why_incomplete is None
            and (row.is_announced or not row.is_forgotten)
        }

    async def note_facts(self, stats: Sequence[SourceStat], now: datetime) -> None:
        for stat in stats:
            if (row := self.sources.get(stat.source_id)) is not None:
                facts = {"ctime_ns": stat.ctime_ns, "inode": stat.inode}
                checked_at = row.checked_at or now
                self.sources[stat.source_id] = replace(row, **facts, checked_at=checked_at)

    async def mark_presence_told(self, source_id: str, at: datetime) -> None:
        row = self.sources.get(source_id)
        if row is not None and at in (row.gone_at, row.returned_at):
            self.sources[source_id] = replace(row, is_presence_told=True)

    async def untold_presence(self) -> list[SourceRecord]:
        rows = sorted(self.sources.values(), key=lambda row: (row.collection, row.filename))
        return [row for row in rows if not row.is_presence_told]

    def _ordered(self, collection: str) -> list[SourceRecord]:
        rows = sorted(self.sources.values(), key=lambda row: row.filename)
        return [row for row in rows if row.collection == collection]

    def _see(self, source_id: str, **values: Any) -> SourceRecord:
        row = replace(self.sources[source_id], is_presence_told=False, **values)
        self.sources[source_id] = row
        return row


def _is_gone(row: SourceRecord) -> bool:
    return row.gone_at is not None and not row.is_forgotten
