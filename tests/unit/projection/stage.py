"""The projection's handlers on a stage of fakes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from services.projection.domain.moments import Moments
from services.projection.domain.pending import Fate, Told
from services.projection.domain.refits import Rules, Trigger
from services.projection.domain.state import CollectionState, ModelVersion
from services.projection.handlers.project import Projected, project
from services.projection.handlers.refit import Outcome, refit, rollback
from services.projection.handlers.retract import Retraction, retract
from services.projection.handlers.settle import settle
from shared.contracts.batches import Batch
from shared.contracts.commands import Refit, Rollback
from shared.vector_checksum import vector_checksum
from tests.builders import embedded_batch
from tests.fakes.clock import FrozenClock
from tests.fakes.projection_store import FakeProjectionStore

NO_DRIFT = Rules(mean_shift=1e9, unexplained=1e9)


@dataclass
class Stage:
    """The handlers with everything that they need."""

    store: FakeProjectionStore = field(default_factory=FakeProjectionStore)
    state: CollectionState = field(default_factory=lambda: CollectionState("default"))
    clock: FrozenClock = field(default_factory=FrozenClock)
    rules: Rules = NO_DRIFT

    async def project(self, *batches: Batch) -> Projected:
        return await project(
            batches, state=self.state, store=self.store, clock=self.clock, rules=self.rules
        )

    async def retract(self, *batches: Batch, is_forgotten: bool = False) -> None:
        parts = [Retraction(one.descriptor.batch_id, one.vectors, is_forgotten) for one in batches]
        await retract(parts, state=self.state, store=self.store)

    async def settle(
        self, *batches: Batch, fate: Fate = Fate.STORED, stored: Batch | None = None
    ) -> Sequence[str]:
        """Tell what is stored of batches, of one perhaps what another one holds."""
        told = [told_of(one, fate, stored=stored) for one in batches]
        return await settle(told, state=self.state, store=self.store)

    async def refit(
        self, *, trigger: Trigger = "command", causes: Sequence[str] = (), **fields: Any
    ) -> Outcome:
        return await refit(
            Refit(**fields),
            trigger=trigger,
            correlation_ids=causes,
            state=self.state,
            store=self.store,
            clock=self.clock,
            rules=self.rules,
        )

    async def rollback(self, to_version: int | None = None) -> Outcome:
        return await rollback(
            Rollback(to_version=to_version),
            correlation_ids=("undo",),
            state=self.state,
            store=self.store,
            clock=self.clock,
            rules=self.rules,
        )

    async def refitted(self, **fields: Any) -> ModelVersion:
        outcome = await self.refit(**fields)
        assert isinstance(outcome, ModelVersion), outcome
        return outcome

    async def rolled_back(self, to_version: int | None = None) -> ModelVersion:
        outcome = await self.rollback(to_version)
        assert isinstance(outcome, ModelVersion), outcome
        return outcome

    async def restart(self) -> None:
        self.state = await self.store.load("default")

    @property
    def model(self) -> ModelVersion:
        assert self.state.model is not None
        return self.state.model

    @property
    def stored_versions(self) -> list[int]:
        return [one.model.version for one in self.store.saved if one.model]


def told_of(batch: Batch, fate: Fate = Fate.STORED, *, stored: Batch | None = None) -> Told:
    held = stored or batch
    is_held = fate is Fate.STORED
    return Told(
        batch_id=batch.descriptor.batch_id,
        source_id=batch.descriptor.source_id,
        source_version=batch.descriptor.source_version,
        fate=fate,
        records=len(held) if is_held else 0,
        checksum=vector_checksum(held.vectors) if is_held and len(held) else "",
    )


def vectors(seed: int, count: int = 3, dimension: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32) + seed


def piece(seed: int, count: int = 3, *, number: int | None = None, **changes: Any) -> Batch:
    """The batch of this number, that of the seed if not told otherwise; always the same."""
    return cloud(seed if number is None else number, vectors(seed, count), **changes)


def cloud(number: int, values: np.ndarray, **changes: Any) -> Batch:
    """The batch of this number with vectors of one's own."""
    return embedded_batch(values, first=1000 * number, batch_id=f"batch-{number}", **changes)


def points(batch: Batch) -> np.ndarray:
    return np.stack([batch.rows[name].to_numpy() for name in ("x", "y")], axis=1)


def assert_counted(state: CollectionState, batches: Sequence[Batch]) -> None:
    expected = np.vstack([one.vectors for one in batches]) if batches else np.empty((0, 4))
    assert state.records == len(expected)
    if len(expected):
        direct = Moments.of(expected.astype(np.float32))
        assert state.moments is not None
        np.testing.assert_allclose(state.moments.mean, direct.mean, atol=1e-9)
        np.testing.assert_allclose(state.moments.scatter, direct.scatter, atol=1e-6)
