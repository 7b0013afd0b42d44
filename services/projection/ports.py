"""What the handlers need from the outside world."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from services.projection.domain.counted import Recount
from services.projection.domain.pending import Candidate, Doubt, Floor
from services.projection.domain.refits import HeldRefit
from services.projection.domain.state import CollectionState, ModelVersion

ALL_HEARD = ""
"""Instead of when a consumer was made: there was nothing left that it could have lost."""


@dataclass(frozen=True, slots=True, eq=False)
class Journalled:
    """A candidate with its vectors."""

    candidate: Candidate
    vectors: np.ndarray


@dataclass(frozen=True, slots=True)
class Unsettled:
    """How much of a collection is not known to be stored."""

    pending: int = 0
    """Batches that wait until they are told to be stored or not."""
    in_doubt: int = 0
    """Batches that are stored with vectors that never came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Everything that a step changed; stored together or not at all."""

    collection: str
    recount: Recount | None = None
    """None: what is counted is as it was."""
    revision: int
    applied: Mapping[str, int] = field(default_factory=dict)
    """Batch id to records, of batches that were merged into the moments."""
    retracted: Sequence[str] = ()
    """Ids of batches that were subtracted from the moments, and never count again."""
    disowned: Sequence[str] = ()
    """Ids of batches that do not count any more, but may when they come again."""
    journalled: Sequence[Journalled] = ()
    """To be kept, until they are closed."""
    closed: Sequence[Candidate] = ()
    floors: Mapping[str, Floor] = field(default_factory=dict)
    """By source; doubts about what is below them end."""
    doubts: Sequence[Doubt] = ()
    cleared: Sequence[str] = ()
    """Ids of batches of which there is no doubt any more."""
    model: ModelVersion | None = None
    """A new model; it counts as not yet announced."""
    owes_refit: bool = False
    """Whether records were forgotten that the current model was fitted to."""
    forgotten_version: int = 0
    """The last model that was fitted to records that were forgotten since; 0: none."""
    held: HeldRefit | None = None
    """A refit that waits for force after this step."""


@dataclass(frozen=True, slots=True)
class Everything:
    """All that a store knows of the batches of a collection."""

    batches: Mapping[str, bool]
    """Those that were ever applied, and whether each is still counted."""
    candidates: Sequence[Candidate]
    in_doubt: Sequence[str]
    over: Sequence[Candidate] = ()
    """Candidates of which nobody will tell anything."""


class Roster(Protocol):
    """Which collections there are, whether they are worked on here or not."""

    async def has(self, collection: str) -> bool:
        """Tell whether there is one of this name; then it is going to be worked on.

        Raises:
            TransientError: Nobody can tell now.
        """
        ...

    def is_elsewhere(self, collection: str) -> bool:
        """Tell whether another replica works on a collection, as far as is known."""
        ...


class StoredMap(Protocol):
    """A collection as writing keeps it; it is only read, in a thread."""

    def vectors(self) -> Iterator[tuple[Sequence[str], np.ndarray]]:
        """Read all rows, in pieces of bounded size: the id of the batch of each, and vectors.

        Raises:
            TransientError: They could not be read.
        """
        ...

    def versions(self) -> Mapping[str, int]:
        """Read the newest version of each source that is known, by its id.

        Raises:
            TransientError: They could not be read.
        """
        ...

    def models(self) -> Sequence[ModelVersion]:
        """Read the models that are archived, oldest first.

        Raises:
            TransientError: They could not be read.
        """
        ...


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

    async def everything(self, collection: str) -> Everything:
        """Return all batches, candidates and doubts."""
        ...

    async def adopt(self, collection: str, models: Sequence[ModelVersion]) -> int:
        """Make the history have these models, as announced, not others of their versions.

        Returns:
            How many it did not have, or had with other numbers.

        Raises:
            TransientError: They could not be stored; nothing has changed.
        """
        ...

    async def drop_models(self, collection: str, above: int) -> None:
        """Leave no model above a version.

        Raises:
            TransientError: They could not be deleted.
        """
        ...

    async def history(self, collection: str) -> str | None:
        """Return to which dataset the state belongs, as it was kept."""
        ...

    async def keep_history(self, collection: str, document: str) -> None:
        """Keep to which dataset the state belongs.

        Raises:
            TransientError: It could not be stored.
        """
        ...

    async def heard_since(self, collection: str) -> str | None:
        """Return since when the consumer was there that brought the news of what is stored."""
        ...

    async def keep_heard_since(self, collection: str, since: str) -> None:
        """Keep since when the consumer is there that brings the news of what is stored.

        Raises:
            TransientError: It could not be stored.
        """
        ...

    async def candidates(
        self, collection: str, batch_ids: Iterable[str], floors: Mapping[str, Floor] | None = None
    ) -> Sequence[Candidate]:
        """Return what waits of these batches, and of sources in versions below these floors."""
        ...

    async def vectors(
        self, collection: str, candidates: Iterable[Candidate]
    ) -> Mapping[Candidate, np.ndarray]:
        """Return the vectors of candidates, of each that still has them.

        Raises:
            TransientError: They could not be read.
        """
        ...

    async def floors(self, collection: str, source_ids: Iterable[str]) -> Mapping[str, Floor]:
        """Return the floors of those sources that have one."""
        ...

    async def doubts(self, collection: str, batch_ids: Iterable[str]) -> Mapping[str, str]:
        """Return those batches that are in doubt, and the checksum that is stored."""
        ...

    async def save(self, checkpoint: Checkpoint) -> Unsettled:
        """Store a checkpoint in one transaction; what is no longer to be kept goes with it.

        Raises:
            TransientError: It could not be stored; nothing has changed.
        """
        ...

    async def remove(self, collection: str) -> None:
        """Remove all that is kept of a collection, which nobody changes any more.

        Raises:
            TransientError: It could not be removed; some of it may be.
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
