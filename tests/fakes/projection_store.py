"""A projection store in memory, which can be made to fail or to take its time."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.projection.domain.moments import Moments
from services.projection.domain.refits import HeldRefit
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.ports import Checkpoint
from shared.errors import TransientError


@dataclass
class Kept:
    """What is stored about one collection."""

    moments: Moments | None = None
    revision: int = 0
    owes_refit: bool = False
    forgotten_version: int = 0
    held: HeldRefit | None = None
    batches: dict[str, bool] = field(default_factory=dict)
    models: list[ModelVersion] = field(default_factory=list)
    announced: set[int] = field(default_factory=set)


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

    async def load(self, collection: str) -> CollectionState:
        kept = self._of(collection)
        state = CollectionState(collection, kept.moments, revision=kept.revision)
        state.owes_refit = kept.owes_refit
        if kept.models:
            state.take_model(kept.models[-1])
        state.forgotten_version = kept.forgotten_version
        if kept.held:
            state.hold(kept.held)
        return state

    async def known(self, collection: str, batch_ids: Iterable[str]) -> Mapping[str, bool]:
        batches = self._of(collection).batches
        return {batch_id: batches[batch_id] for batch_id in batch_ids if batch_id in batches}

    def _write(self) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("the disk is full")

    async def save(self, checkpoint: Checkpoint) -> None:
        self._write()
        kept = self._of(checkpoint.collection)
        assert not kept.batches.keys() & checkpoint.applied.keys(), "counted twice"
        kept.moments, kept.revision = checkpoint.moments, checkpoint.revision
        kept.owes_refit = checkpoint.owes_refit
        kept.forgotten_version, kept.held = checkpoint.forgotten_version, checkpoint.held
        kept.batches |= dict.fromkeys(checkpoint.applied, True)
        kept.batches |= {key: False for key in checkpoint.retracted if key in kept.batches}
        if checkpoint.model:
            kept.models.append(checkpoint.model)
        self.saved.append(checkpoint)
        await self.gate.wait()

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
