"""The staging of one collection in memory."""

from collections.abc import Iterator, Mapping, Sequence

from services.writing.domain.stored_state import StagedSource
from services.writing.ports import DiskFullError
from shared.contracts.batches import Batch


class FakeStaging:
    """Keeps whole batches. ``failures`` changes are refused for want of room first."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.batches: list[Batch] = []
        self.floors: dict[str, int] = {}
        """Source id to the version that is coming, if a batch without rows told of it."""

    async def held(self) -> Mapping[str, StagedSource]:
        found: dict[str, StagedSource] = {}
        for one in (batch.descriptor for batch in self.batches):
            known = found.get(one.source_id, StagedSource(one.source_version, frozenset()))
            found[one.source_id] = StagedSource(known.version, known.batches | {one.batch_id})
        for source, version in self.floors.items():
            found.setdefault(source, StagedSource(version, frozenset()))
        return found

    async def change(self, add: Sequence[Batch], discard: Mapping[str, int]) -> None:
        if self.failures and (add or discard):
            self.failures -= 1
            raise DiskFullError("no room")
        self.batches = [
            batch
            for batch in self.batches
            if batch.descriptor.source_version > discard.get(batch.descriptor.source_id, 0)
        ]
        self.floors = {
            source: version
            for source, version in self.floors.items()
            if version > discard.get(source, 0)
        }
        for batch in add:
            if not len(batch):
                self.floors[batch.descriptor.source_id] = batch.descriptor.source_version
            elif batch.descriptor.batch_id not in {
                one.descriptor.batch_id for one in self.batches
            }:
                self.batches.append(batch)

    def scan(self, sources: Mapping[str, frozenset[str]]) -> Iterator[Batch]:
        for batch in self.batches:
            one = batch.descriptor
            if one.source_id in sources and one.batch_id not in sources[one.source_id]:
                yield batch
