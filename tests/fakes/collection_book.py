"""What is kept of the collections, in memory."""

from shared.contracts.collections import CollectionPage, CollectionRecord
from shared.errors import TransientError


class FakeCollectionBook:
    """Tells of the records that it is given."""

    def __init__(self, *records: CollectionRecord, is_away: bool = False) -> None:
        self.records = sorted(records, key=lambda one: one.name)
        self.is_away = is_away

    async def page(self, *, after: str, limit: int) -> CollectionPage:
        self._require()
        left = [one for one in self.records if one.name > after]
        more = len(left) > limit
        items = tuple(left[:limit])
        return CollectionPage(items=items, next_after=items[-1].name if more else None)

    async def find(self, name: str) -> CollectionRecord | None:
        self._require()
        return next((one for one in self.records if one.name == name), None)

    def _require(self) -> None:
        if self.is_away:
            raise TransientError("discovery does not answer: is it running?")
