"""What the store holds, as far as the rules need to know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class HeldSource:
    """One source in the store; the store updates it, the rules only read it."""

    current: int
    """The newest version ever seen, whether it left rows or not."""
    oldest: int = 0
    """The lowest version that has rows; 0 if the source has none."""
    batches: dict[str, int] = field(default_factory=dict)
    """The batches that have rows, with their version."""


@dataclass(frozen=True, slots=True)
class StagedSource:
    """What waits of a source's version that is still to come, beside the one that is stored."""

    version: int
    batches: frozenset[str]
    """Ids of the batches that have rows; none of a version that only put another one aside."""


@dataclass(frozen=True, slots=True)
class StoreState:
    """The store between two commits."""

    rows: int
    dataset_version: int
    """0 while there is no table."""
    content_version: int
    """The dataset version that last changed what the table says; compaction does not."""
    model_version: int | None
    """The model of all coordinates; none while there are no rows."""
    dimension: int | None
    """Length of a vector; none while there is no table."""
    sources: Mapping[str, HeldSource]
