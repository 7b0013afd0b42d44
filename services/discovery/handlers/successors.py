"""Tells which files come to have each other's names, in a row or in a circle."""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.moves import MoveVerdict, judge
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.presence import Sight
from services.discovery.ports import Ledger, SourceRepository


@dataclass(slots=True)
class Successors:
    """Knows, during one look, under which name a file lies whose own name another one has."""

    repository: SourceRepository
    store: Ledger
    sight: Sight | None
    """What a look at everything has seen; None: it is a look at some paths."""
    _present: Mapping[int, SourceStat] = field(default_factory=dict)

    async def of(self, row: SourceRecord, stat: SourceStat) -> list[str]:
        """Follow the file of a source to its name, the file that was there before to its own, ...

        Args:
            row: A source that is mapped.
            stat: The file that has its name now.

        Returns:
            Ids of the names that are still to get the rows of the one before; the source itself is
            the last if they go round. Nothing if nobody is to get what is mapped of it.

        Raises:
            TransientError: The ledger could not be read.
        """
        names: list[str] = []
        at, mapped = stat.source_id, row
        while judge(mapped) is MoveVerdict.MOVE:
            after = await self._named_now(mapped)
            if after is None or after.source_id in (at, *names):
                break
            names.append(after.source_id)
            known = (await self.store.get([after.source_id])).get(after.source_id)
            if known is not None and known.inode == after.inode:
                names.pop()  # it was looked at: it has these rows, or is another content
                break
            if known is None or after.source_id == stat.source_id:
                break
            at, mapped = after.source_id, known
        return names

    async def _named_now(self, row: SourceRecord) -> SourceStat | None:
        """Return the name that the file of a source has now; None if there is no such file."""
        if not row.inode:
            return None
        if self.sight is not None:
            return self.sight.files.get(row.inode)
        if not self._present:
            listing = self.repository.list_sources(collection=row.collection)
            async with aclosing(listing) as listed:
                self._present = {
                    one.inode: one async for one in listed if isinstance(one, SourceStat)
                }
        return self._present.get(row.inode)
