"""What stands still, in memory."""

from collections.abc import Sequence

from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.stalls import Numbers, Stall, Standing, numbers_of

OPEN = ("reading", "dispatched")


class FakeStalls:
    """The part of the ledger in memory that says what stands still."""

    sources: dict[str, SourceRecord]
    standing: dict[str, Stall]
    moved: dict[str, tuple[tuple[Numbers, int], int]]
    """Source id to its numbers and what waits to be shown, and in which look they changed."""
    looks: int

    async def look_for_standing(self, collection: str, before: int, most: int) -> Standing:
        self._let_go()
        mine = {
            row.source_id: row
            for row in sorted(self.sources.values(), key=lambda row: row.filename)
            if row.collection == collection and row.status in OPEN
        }
        moved = {key: self.moved.get(key, (None, self.looks)) for key in mine}
        ended = [key for key in self.moved if key not in mine and self._is_of(key, collection)]
        order = [*(key for key in self.moved if key in mine or key in ended), *mine]
        now: dict[str, tuple[tuple[Numbers, int], int]] = {}
        found: list[tuple[SourceRecord, int]] = []
        last = 0
        for key in dict.fromkeys(order):
            if key in ended:
                last = self.looks
                continue
            numbers = numbers_of(mine[key]), mine[key].staged
            changed = moved[key][1] if moved[key][0] == numbers else self.looks
            now[key] = numbers, changed
            if key not in self.standing:
                last = max(last, changed)
                if last < before and len(found) < most:
                    found.append((mine[key], last))
        others = {key: one for key, one in self.moved.items() if key not in ended}
        self.moved = others | now
        self.looks += 1
        return Standing(self.looks, found)

    async def stalls(self, collection: str, most: int) -> list[Stall]:
        self._let_go()
        mine = [one for one in self.standing.values() if one.collection == collection]
        return sorted(mine, key=lambda one: (one.since, one.source_id))[:most]

    async def count_stalls(self, collection: str) -> int:
        return len(await self.stalls(collection, len(self.standing)))

    async def untold_stalls(self, collection: str, most: int) -> list[Stall]:
        found = await self.stalls(collection, len(self.standing))
        return [one for one in found if not one.is_announced][:most]

    async def note_stalls(self, stalls: Sequence[Stall]) -> None:
        self._refuse()
        self.standing |= {one.source_id: one for one in stalls}
        self._let_go()

    def _let_go(self) -> None:
        rows = {key: self.sources.get(key) for key in self.standing}
        self.standing = {
            key: one
            for key, one in self.standing.items()
            if (row := rows[key]) and row.status in OPEN and numbers_of(row) == one.numbers
        }

    def _is_of(self, source_id: str, collection: str) -> bool:
        row = self.sources.get(source_id)
        return row is not None and row.collection == collection

    def _refuse(self) -> None:
        raise NotImplementedError
