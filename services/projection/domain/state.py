"""What the service holds in memory about one collection."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from services.projection.domain.moments import Moments
from shared.plane import Plane


@dataclass(frozen=True, slots=True, eq=False)
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
    correlation_id: str | None = None


@dataclass(slots=True)
class CollectionState:
    """Moments and current model of one collection, as of the last checkpoint."""

    collection: str
    moments: Moments | None = None
    """None until the first vector tells the dimension."""
    model: ModelVersion | None = None
    revision: int = 0
    """Counts the changes of the moments."""
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


def decide_refit(state_records: int, model: ModelVersion | None, threshold: float) -> str | None:
    """Choose whether the model is fitted again by itself.

    Args:
        state_records: How many vectors are counted now.
        model: The current model, if there is one.
        threshold: Growth since the last fit that calls for another, as a factor.

    Returns:
        The reason, or None: for the first record, and when the records have grown by the factor.
    """
    if not state_records:
        return None
    if model is None:
        return "first"
    if state_records >= max(1, model.record_count) * threshold:
        return "threshold"
    return None
