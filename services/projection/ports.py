"""What the handlers need from the outside world."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.projection.domain.moments import Moments
from services.projection.domain.refits import HeldRefit
from services.projection.domain.state import CollectionState, ModelVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything that a step changed; stored together or not at all."""

    collection: str
    moments: Moments
    revision: int
    applied: Mapping[str, int]
    """Batch id to records, of batches that were merged into the moments."""
    retracted: Sequence[str] = ()
    """Ids of batches that were subtracted from the moments."""
    model: ModelVersion | None = None
    """A new model; it counts as not yet announced."""
    owes_refit: bool = False
    """Whether records were forgotten that the current model was fitted to."""
    forgotten_version: int = 0
    """The last model that was fitted to records that were forgotten since; 0: none."""
    held: HeldRefit | None = None
    """A refit that waits for force after this step."""


class ProjectionStore(Protocol):
    """Keeps moments and progress together, and every model version."""

    async def load(self, collection: str) -> CollectionState:
        """Return the state as of the last checkpoint; an empty one for a new collection.

        Raises:
            ConfigurationError: The stored state is of another version of this program.
        """
        ...

    async def known(self, collection: str, batch_ids: Iterable[str]) -> Mapping[str, bool]:
        """Return those batches that were ever applied, and whether each is still counted."""
        ...

    async def save(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint in one transaction; what is no longer to be kept goes with it.

        Raises:
            TransientError: It could not be stored; nothing has changed.
        """
        ...

    async def get_model(self, collection: str, version: int) -> ModelVersion | None:
        """Return a model of the history, if it is there."""
        ...

    async def answered(self, collection: str, correlation_ids: Iterable[str]) -> set[str]:
        """Return those commands that led to a model of the history."""
        ...

    async def unannounced(self, collection: str) -> Sequence[ModelVersion]:
        """Return the models that were stored but perhaps not published, oldest first."""
        ...

    async def mark_announced(self, collection: str, version: int) -> None:
        """Note that a model was published."""
        ...
