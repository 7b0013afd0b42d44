"""The records of collections in memory."""

from collections.abc import Callable, Sequence
from datetime import datetime

from services.discovery.domain.ledger import CommandRef
from shared.contracts.collections import CollectionRecord


class FakeCollectionStore:
    """Keeps records in a dictionary, by name."""

    def __init__(self) -> None:
        self.records: dict[str, CollectionRecord] = {}
        self.told: dict[str, int] = {}
        self.made_by: dict[str, str] = {}
        self._tell: Callable[[], None] = lambda: None
        self.wanted: dict[str, list[CommandRef]] = {}
        self.ended: dict[str, datetime] = {}
        self.rows: dict[str, int] = {}

    def tell_changes_to(self, tell: Callable[[], None]) -> None:
        self._tell = tell

    async def add_collections(self, records: Sequence[CollectionRecord]) -> None:
        for one in records:
            if self.records.setdefault(one.name, one) is one:
                self._tell()

    async def create_collection(
        self, record: CollectionRecord, command: str
    ) -> CollectionRecord | None:
        if record.name not in self.records:
            self.records[record.name] = record
            self.told[record.id] = record.revision
            self.made_by[record.name] = command
            self._tell()
        is_its = self.made_by.get(record.name) == command
        return self.records[record.name] if is_its else None

    async def withdraw_collection(self, collection_id: str) -> None:
        self.records = {k: v for k, v in self.records.items() if v.id != collection_id}
        self._tell()

    async def find_collection(self, name: str) -> CollectionRecord | None:
        known = self.records.get(name)
        return known if known and known.state != "deleted" else None

    async def list_collections(self, after: str, most: int) -> list[CollectionRecord]:
        there = [one for one in self._by_name() if one.state != "deleted"]
        return [one for one in there if one.name > after][:most]

    async def rename_collection(
        self,
        name: str,
        title: str | None,
        description: str | None,
        is_analyzed: bool | None = None,
    ) -> CollectionRecord | None:
        if (known := self.records.get(name)) is None or known.state != "active":
            return None
        changed = known.model_copy(
            update={
                "title": known.title if title is None else title,
                "description": known.description if description is None else description,
                "is_analyzed": known.is_analyzed if is_analyzed is None else is_analyzed,
            }
        )
        if changed != known:
            changed = changed.model_copy(update={"revision": known.revision + 1})
            self.told[known.id] = changed.revision
            self._tell()
        self.records[name] = changed
        return self.records[name]

    async def untold_collections(self) -> list[CollectionRecord]:
        return [one for one in self._by_name() if self.told.get(one.id, 0) < one.revision]

    async def mark_collection_told(self, collection_id: str, revision: int) -> None:
        self.told[collection_id] = max(revision, self.told.get(collection_id, 0))

    async def begin_deletion(self, name: str, ref: CommandRef) -> CollectionRecord | None:
        known = self.records.get(name)
        wanted = self.wanted.setdefault(known.id, []) if known else []
        if known is None or (known.state == "deleted" and ref not in wanted):
            return None
        if ref not in wanted:
            wanted.append(ref)
        if known.state == "active":
            self._become(known, state="deleting")
        return self.records[name]

    async def deleting_collections(self) -> list[CollectionRecord]:
        return [one for one in self._by_name() if one.state == "deleting"]

    async def deleted_at(self, name: str) -> datetime | None:
        known = self.records.get(name)
        return self.ended.get(known.id) if known else None

    async def deleted_since(self, time: datetime) -> list[str]:
        gone = [one for one in self._by_name() if one.id in self.ended]
        return [one.name for one in gone if self.ended[one.id] >= time]

    async def deletion_commands(self, collection_id: str) -> Sequence[CommandRef]:
        return self.wanted.get(collection_id, [])

    async def remove_rows(self, collection: str, most: int) -> bool:
        left = max(0, self.rows.pop(collection, 0) - most)
        if left:
            self.rows[collection] = left
        return bool(left)

    async def bury_collection(self, collection_id: str, now: datetime) -> None:
        for one in await self.deleting_collections():
            if one.id == collection_id:
                self._become(one, state="deleted", title=one.name, description="", sources=())
                self.made_by.pop(one.name, None)
                self.ended[one.id] = now

    def _by_name(self) -> list[CollectionRecord]:
        return [self.records[name] for name in sorted(self.records)]

    def _become(self, known: CollectionRecord, **changes: object) -> None:
        revision = known.revision + 1
        self.records[known.name] = known.model_copy(update={**changes, "revision": revision})
        self._tell()
