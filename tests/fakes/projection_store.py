"""A projection store in memory, which can be made to fail or to take its time."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.projection.domain.counted import Counted
from services.projection.domain.pending import Candidate, Doubt, Floor
from services.projection.domain.refits import HeldRefit
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.ports import Checkpoint, Everything, Journalled, Unsettled
from shared.errors import TransientError


@dataclass
class Kept:
    """What is stored about one collection."""

    moments: Counted | None = None
    revision: int = 0
    owes_refit: bool = False
    forgotten_version: int = 0
    held: HeldRefit | None = None
    batches: dict[str, bool] = field(default_factory=dict)
    models: list[ModelVersion] = field(default_factory=list)
    announced: set[int] = field(default_factory=set)
    journal: dict[tuple[str, str], Journalled] = field(default_factory=dict)
    floors: dict[str, Floor] = field(default_factory=dict)
    doubts: dict[str, Doubt] = field(default_factory=dict)
    history: str | None = None
    heard_since: str | None = None
    lost: set[tuple[str, str]] = field(default_factory=set)

    @property
    def unsettled(self) -> Unsettled:
        return Unsettled(len({batch_id for batch_id, _ in self.journal}), len(self.doubts))


class FakeProjectionStore:
    """Fails ``failures`` times with TransientError before it stores again.

    While ``gate`` is closed a checkpoint is stored, but its caller is not told: as with a
    database in a thread of its own, which nobody can call back.
    """

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.saved: list[Checkpoint] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._kept: dict[str, Kept] = {}

    def _of(self, collection: str) -> Kept:
        return self._kept.setdefault(collection, Kept())

    async def remove(self, collection: str) -> None:
        self._kept.pop(collection, None)

    async def load(self, collection: str) -> CollectionState:
        kept = self._of(collection)
        state = CollectionState(collection, kept.moments, revision=kept.revision)
        state.owes_refit = kept.owes_refit
        if kept.models:
            state.take_model(kept.models[-1])
        state.forgotten_version = kept.forgotten_version
        if kept.held:
            state.hold(kept.held)
        state.pending, state.in_doubt = kept.unsettled.pending, kept.unsettled.in_doubt
        return state

    async def known(self, collection: str, batch_ids: Iterable[str]) -> Mapping[str, bool]:
        batches = self._of(collection).batches
        return {batch_id: batches[batch_id] for batch_id in batch_ids if batch_id in batches}

    async def everything(self, collection: str) -> Everything:
        kept = self._of(collection)
        waiting = [one.candidate for one in kept.journal.values()]
        return Everything(dict(kept.batches), waiting, [*kept.doubts])

    async def drop_models(self, collection: str, above: int) -> None:
        self._write()
        kept = self._of(collection)
        kept.models = [one for one in kept.models if one.version <= above]

    async def history(self, collection: str) -> str | None:
        return self._of(collection).history

    async def keep_history(self, collection: str, document: str) -> None:
        self._write()
        self._of(collection).history = document

    async def heard_since(self, collection: str) -> str | None:
        return self._of(collection).heard_since

    async def keep_heard_since(self, collection: str, since: str) -> None:
        self._write()
        self._of(collection).heard_since = since

    async def adopt(self, collection: str, models: Sequence[ModelVersion]) -> int:
        self._write()
        kept = self._of(collection)
        known = {model.version: model for model in kept.models}
        new = [
            one
            for one in models
            if one.version not in known or not one.plane.is_same(known[one.version].plane)
        ]
        known |= {model.version: model for model in new}
        kept.models = [known[version] for version in sorted(known)]
        kept.announced |= {model.version for model in new}
        return len(new)

    def lose_vectors(self) -> None:
        """Have the vectors of all candidates gone, as after a file was removed."""
        for kept in self._kept.values():
            kept.lost |= kept.journal.keys()

    def _write(self) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("the disk is full")

    async def candidates(
        self, collection: str, batch_ids: Iterable[str], floors: Mapping[str, Floor] | None = None
    ) -> Sequence[Candidate]:
        wanted, below = set(batch_ids), floors or {}
        waiting = [kept.candidate for kept in self._of(collection).journal.values()]
        return [
            one
            for one in waiting
            if one.batch_id in wanted
            or (one.source_id in below and one.source_version < below[one.source_id].version)
        ]

    async def vectors(
        self, collection: str, candidates: Iterable[Candidate]
    ) -> Mapping[Candidate, np.ndarray]:
        kept = self._of(collection)
        keys = {one: (one.batch_id, one.checksum) for one in candidates}
        there = kept.journal.keys() - kept.lost
        return {one: kept.journal[key].vectors for one, key in keys.items() if key in there}

    async def floors(self, collection: str, source_ids: Iterable[str]) -> Mapping[str, Floor]:
        floors = self._of(collection).floors
        return {source: floors[source] for source in source_ids if source in floors}

    async def doubts(self, collection: str, batch_ids: Iterable[str]) -> Mapping[str, str]:
        doubts = self._of(collection).doubts
        return {one: doubts[one].checksum for one in batch_ids if one in doubts}

    async def save(self, checkpoint: Checkpoint) -> Unsettled:
        self._write()
        kept = self._of(checkpoint.collection)
        for one in checkpoint.closed:
            kept.journal.pop((one.batch_id, one.checksum), None)
        for batch_id in checkpoint.disowned:
            kept.batches.pop(batch_id, None)
        assert not kept.batches.keys() & checkpoint.applied.keys(), "counted twice"
        if checkpoint.recount is not None:
            kept.moments = checkpoint.recount.counted
        kept.revision, kept.owes_refit = checkpoint.revision, checkpoint.owes_refit
        kept.forgotten_version, kept.held = checkpoint.forgotten_version, checkpoint.held
        self._journal(kept, checkpoint)
        kept.batches |= dict.fromkeys(checkpoint.applied, True)
        kept.batches |= {key: False for key in checkpoint.retracted if key in kept.batches}
        if checkpoint.model:
            kept.models.append(checkpoint.model)
        self.saved.append(checkpoint)
        await self.gate.wait()
        return kept.unsettled

    @staticmethod
    def _journal(kept: Kept, checkpoint: Checkpoint) -> None:
        for new in checkpoint.journalled:
            kept.journal[new.candidate.batch_id, new.candidate.checksum] = new
        kept.floors |= checkpoint.floors
        for batch_id, doubt in list(kept.doubts.items()):
            floor = checkpoint.floors.get(doubt.source_id)
            is_below = floor is not None and doubt.source_version < floor.version
            if is_below or batch_id in checkpoint.cleared:
                del kept.doubts[batch_id]
        kept.doubts |= {one.batch_id: one for one in checkpoint.doubts}

    async def get_model(self, collection: str, version: int) -> ModelVersion | None:
        models = {model.version: model for model in self._of(collection).models}
        return models.get(version)

    async def answered(self, collection: str, correlation_ids: Iterable[str]) -> set[str]:
        models = self._of(collection).models
        return set(correlation_ids) & {one for model in models for one in model.correlation_ids}

    async def unannounced(self, collection: str) -> Sequence[ModelVersion]:
        kept = self._of(collection)
        return [model for model in kept.models if model.version not in kept.announced]

    async def mark_announced(self, collection: str, version: int) -> None:
        self._write()
        self._of(collection).announced.add(version)
