"""What is needed of the runs of a map."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.gateway.domain.runs import Paths


@dataclass(frozen=True, slots=True)
class RunTable:
    """All runs of a map, in the order of their names."""

    names: Sequence[str]
    outcomes: Sequence[str | None]
    """What the last step that says so says of the outcome."""
    answers: Sequence[str | None]
    """What the last step that gives one gives as the final answer."""
    begun: Sequence[datetime | None]
    ended: Sequence[datetime | None]
    paths: Paths
    distances: NDArray[np.float64]
    """How far each is from the usual way, as a share of the map's diagonal."""


@dataclass(frozen=True, slots=True)
class PathStep:
    """A step of a run."""

    id: str
    iteration: int
    type: str
    timestamp: datetime | None
    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class RunSteps:
    """The first steps of a run, in order."""

    steps: Sequence[PathStep]
    total: int
    outcome: str | None
    answer: str | None


class RunReader(Protocol):
    """The runs that the public files hold: the records of a source are the steps of a run.

    Rows of tables are no steps: a source that has nothing else is no run.
    """

    async def table(self, collection: str) -> RunTable | None:
        """Return all runs; nothing if there is no map yet.

        Raises:
            TransientError: The files could not be read.
        """
        ...

    async def steps(self, collection: str, name: str, most: int) -> RunSteps | None:
        """Return the steps of a run, up to a number; nothing if there is no such run.

        Raises:
            TransientError: The files could not be read.
        """
        ...
