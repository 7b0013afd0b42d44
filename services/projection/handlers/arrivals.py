"""Sorts out what came: what counts at once, and what waits until it is told to be stored."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.projection.domain.pending import Candidate, Floor
from services.projection.domain.state import CollectionState
from services.projection.ports import Journalled, ProjectionStore
from shared.contracts.batches import Batch
from shared.vector_checksum import vector_checksum


@dataclass(slots=True)
class Arrived:
    """What is new of a micro-batch."""

    counted: list[Batch] = field(default_factory=list)
    """To be merged into the moments."""
    applied: dict[str, int] = field(default_factory=dict)
    """Batch id to records, of those and of batches without any."""
    journalled: list[Journalled] = field(default_factory=list)
    """To be kept until writing tells what it stores."""
    floors: dict[str, Floor] = field(default_factory=dict)
    cleared: list[str] = field(default_factory=list)
    """Batches of which there is no doubt any more."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is new."""
        return not (self.applied or self.journalled or self.floors)


@dataclass(slots=True)
class _Sorter:
    known: dict[str, bool]
    doubts: Mapping[str, str]
    floors: Mapping[str, Floor]
    has_model: bool
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Checksums of the candidates of a batch."""
    arrived: Arrived = field(default_factory=Arrived)

    def take(self, batch: Batch) -> None:
        name = batch.descriptor.batch_id
        if not len(batch):
            if name not in self.known:
                self.known[name], self.arrived.applied[name] = True, 0
            return
        is_over = self.known.get(name) is False  # it was retracted
        if is_over or (name in self.known and name not in self.seen):
            return  # or settled
        checksum = vector_checksum(batch.vectors)
        if checksum in self.seen.get(name, ()):
            return
        is_told = self.doubts.get(name) == checksum
        is_counted = name not in self.known and (is_told or self._is_expected(batch))
        if is_counted:
            self.known[name], self.arrived.applied[name] = True, len(batch)
            self.arrived.counted.append(batch)
        if is_told:
            self.arrived.cleared.append(name)
        else:
            self._keep(batch, checksum, is_counted=is_counted)

    def _is_expected(self, batch: Batch) -> bool:
        facts = batch.descriptor
        floor = self.floors.get(facts.source_id)
        is_below = floor is not None and facts.source_version < floor.version
        return not self.has_model or not (is_below or facts.batch_id in self.doubts)

    def _keep(self, batch: Batch, checksum: str, *, is_counted: bool) -> None:
        facts = batch.descriptor
        self.seen[facts.batch_id].add(checksum)
        candidate = Candidate(
            batch_id=facts.batch_id,
            source_id=facts.source_id,
            source_version=facts.source_version,
            records=len(batch),
            checksum=checksum,
            is_counted=is_counted,
        )
        self.arrived.journalled.append(Journalled(candidate, batch.vectors))


async def sort_out(
    batches: Sequence[Batch], state: CollectionState, store: ProjectionStore
) -> Arrived:
    """Say what of batches counts: each once, and none below the floor of its source.

    A copy with other vectors counts when those are told to be stored; what is below the floor,
    too, for nothing is sure before that. Of a map without a model all counts at once, since
    nothing could be projected else.
    """
    ids = [one.descriptor.batch_id for one in batches]
    sources = {one.descriptor.source_id for one in batches}
    held = await store.floors(state.collection, sources)
    raised = _raised(held, batches)
    sorter = _Sorter(
        known=dict(await store.known(state.collection, ids)),
        doubts=await store.doubts(state.collection, ids) if state.in_doubt else {},
        floors={**held, **raised},
        has_model=state.model is not None,
    )
    sorter.arrived.floors = raised
    for one in await store.candidates(state.collection, ids):
        sorter.seen[one.batch_id].add(one.checksum)
    for batch in batches:
        sorter.take(batch)
    return sorter.arrived


def _raised(floors: Mapping[str, Floor], batches: Sequence[Batch]) -> dict[str, Floor]:
    """Return the floors that newer versions raise; the first version raises none."""
    raised: dict[str, Floor] = {}
    for batch in batches:
        facts = batch.descriptor
        if facts.source_version == 1:
            continue
        before = raised.get(facts.source_id) or floors.get(facts.source_id)
        floor = Floor(facts.source_version, facts.is_forgotten)
        after = before.raised(floor) if before else floor
        if after != before:
            raised[facts.source_id] = after
    return raised
