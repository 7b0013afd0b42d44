"""The records of collections in memory."""

from collections.abc import Sequence

from shared.contracts.collections import CollectionRecord


class FakeCollectionStore:
    """Keeps records in a dictionary, by name."""

    def __init__(self) -> None:
        self.records: dict[str, CollectionRecord] = {}
        self.told: dict[str, int] = {}
        self.made_by: dict[str, str] = {}

    async def add_collections(self, records: Sequence[CollectionRecord]) -> None:
        for one in records:
            self.records.setdefault(one.name, one)

    async def create_collection(
        self, record: CollectionRecord, command: str
    ) -> CollectionRecord | None:
        if record.name not in self.records:
            self.records[record.name] = record
            self.told[record.id] = record.revision
            self.made_by[record.name] = command
        is_its = self.made_by.get(record.name) == command
        return self.records[record.name] if is_its else None

    async def withdraw_collection(self, collection_id: str) -> None:
        self.records = {k: v for k, v in self.records.items() if v.id != collection_id}

    async def find_collection(self, name: str) -> CollectionRecord | None:
        return self.records.get(name)

    async def list_collections(self, after: str, most: int) -> list[CollectionRecord]:
        return [self.records[name] for name in sorted(self.records) if name > after][:most]

    async def rename_collection(
        self, name: str, title: str | None, description: str | None
    ) -> CollectionRecord | None:
        if (known := self.records.get(name)) is None:
            return None
        changed = known.model_copy(
            update={
                "title": known.title if title is None else title,
                "description": known.description if description is None else description,
            }
        )
        if changed != known:
            changed = changed.model_copy(update={"revision": known.revision + 1})
            self.told[known.id] = changed.revision
        self.records[name] = changed
        return self.records[name]

    async def untold_collections(self) -> list[CollectionRecord]:
        known = await self.list_collections("", len(self.records))
        return [one for one in known if self.told.get(one.id, 0) < one.revision]

    async def mark_collection_told(self, collection_id: str, revision: int) -> None:
        self.told[collection_id] = max(revision, self.told.get(collection_id, 0))
