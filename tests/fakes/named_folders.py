"""The folders that commands name, without a disk."""

from collections.abc import Sequence

from services.discovery.ports import FolderRefusedError
from shared.contracts.collections import CollectionRecord, SourceFolder


class FakeNamedFolders:
    """Admits what lies below ``/data``."""

    def __init__(self) -> None:
        self.added: list[CollectionRecord] = []

    async def admit(
        self, collection: str, sources: Sequence[SourceFolder]
    ) -> tuple[SourceFolder, ...]:
        for one in sources:
            if not one.path.startswith("/data/"):
                raise FolderRefusedError(f"{one.path} may not be read for {collection}")
        return tuple(SourceFolder(path=one.path, glob=one.glob) for one in sources)

    def add(self, record: CollectionRecord) -> None:
        self.added.append(record)

    async def leave(self, collection: str) -> None:
        """Leave a collection, as discovery does."""
        self.remove(collection)

    def remove(self, collection: str) -> None:
        self.added = [one for one in self.added if one.name != collection]
