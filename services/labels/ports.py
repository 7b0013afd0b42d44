"""What the handlers need from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.labels.domain.enough import Shown
from services.labels.domain.regions import Before
from shared.contracts.labels import MapLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRegion:
    """A region of a map; lengths are in the units of the map."""

    region: int
    """Its number, for as long as it is known again."""
    words: tuple[str, ...]
    """What it is named by; none: nothing tells it from the others."""
    x: float
    y: float
    spread: float
    share: float
    """Of the records, from 0 to 1."""
    centres: tuple[tuple[float, float], ...]
    """A point belongs to the region whose centre is nearest to it."""
    members: tuple[str, ...]
    """The beginnings of some of its records' ids."""


@dataclass(frozen=True, slots=True)
class Found:
    """The regions of a map."""

    shown: Shown
    """What the file that was looked at says of itself."""
    sampled: int
    """How many records were looked at."""
    last_region: int
    """The highest number that a region has or had."""
    regions: tuple[FoundRegion, ...]
    cpu_s: float = 0.0
    """What finding them took of a core."""


class MapFiles(Protocol):
    """The public files of the collections."""

    async def collections(self) -> Sequence[str]:
        """Name those that have some.

        Raises:
            TransientError: They could not be listed.
        """
        ...

    async def shown(self, collection: str) -> Shown | None:
        """Return what a collection's files show; nothing if it has none.

        Raises:
            TransientError: They could not be read.
        """
        ...


class RegionFinder(Protocol):
    """Finds the regions of a map, at some cost."""

    async def find(self, collection: str, before: Sequence[Before], last_region: int) -> Found:
        """Find and name them.

        Args:
            collection: The collection.
            before: The regions that were told last.
            last_region: The highest number that a region ever had.

        Raises:
            TransientError: The files could not be read, or it took too much.
        """
        ...


class ToldLabels(Protocol):
    """What was told of regions."""

    async def last(self, collection: str) -> MapLabels | None:
        """Return what was told last; nothing if that is nothing, or too long ago.

        Raises:
            BusAway: The bus did not answer.
        """
        ...
