"""What of the sources is there, in memory."""

from services.discovery.domain.ledger import SourceRecord


class FakePresence:
    """The part of the ledger in memory that follows the files."""

    sources: dict[str, SourceRecord]

    async def incomplete(self, collection: str, most: int) -> list[SourceRecord]:
        rows = [row for row in self.sources.values() if row.why_incomplete is not None]
        mine = sorted(rows, key=lambda row: row.filename)
        return [row for row in mine if row.collection == collection][:most]

    async def count_incomplete(self, collection: str) -> int:
        return len(await self.incomplete(collection, len(self.sources)))
