"""What the service holds in memory about one collection."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from services.projection.domain.counted import Counted
from services.projection.domain.movement import MovementFigures
from services.projection.domain.refits import DecisionFigures, DriftWatch, HeldRefit
from shared.plane import Plane


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ModelVersion:
    """A plane and its place in the history of its collection."""

    version: int
    parent: int | None
    plane: Plane
    explained_variance_ratio: tuple[float, float]
    record_count: int
    reason: str
    created_at: datetime
    revision: int
    """The revision of the moments that it was fitted to."""
    explained_variance: tuple[float, float] | None = None
    """None of those that were fitted before it was kept."""
    movement: MovementFigures | None = None
    decision: DecisionFigures | None = None
    correlation_ids: tuple[str, ...] = ()
    """The command that asked for it, and those that were folded into that one."""


@dataclass(slots=True)
class CollectionState:
    """Moments and current model of one collection, as of the last checkpoint."""

    collection: str
    moments: Counted | None = None
    """None until the first vector tells the dimension."""
    model: ModelVersion | None = None
    revision: int = 0
    """Counts the changes of the moments."""
    owes_refit: bool = False
    """Whether records were forgotten that the current model was fitted to."""
    forgotten_version: int = 0
    """The last model that was fitted to records that were forgotten since; 0: none."""
    held: HeldRefit | None = None
    pending: int = 0
    """Batches of which it is not known yet whether they are stored."""
    in_doubt: int = 0
    """Batches that are stored with vectors that never came."""
    has_missed_news: bool = False
    """Whether it may have been told, and not heard, what became of batches that are pending."""
    drift: DriftWatch = field(default_factory=DriftWatch)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the moments change and are checkpointed."""
    publishing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while models and batches are published, so that their order is that of their making;
    taken before ``changing``. Retractions do without it: they must never wait for the writer."""

    @property
    def records(self) -> int:
        """How many vectors are counted."""
        return self.moments.count if self.moments else 0

    @property
    def is_stale(self) -> bool:
        """Whether anything was counted after the last fit."""
        return self.records > 0 and (self.model is None or self.model.revision != self.revision)

    def take_model(self, model: ModelVersion) -> None:
        """Make a stored model the current one."""
        self.model = model
        self.held = None
        is_rollback = model.decision is not None and model.decision.trigger == "rollback"
        self.drift.reset(model.record_count, is_armed=not is_rollback)

    def hold(self, refit: HeldRefit) -> None:
        """Let a refit wait for force; drift, which calls for the same one, does not tell again."""
        self.held = refit
        self.drift.reset(refit.decision.records, is_armed=False)
