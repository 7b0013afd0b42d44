"""What is needed to match the records of two collections."""

from typing import Protocol

from services.gateway.domain.matching import Matched
from shared.contracts.matches import (
    DecideMatches,
    DecisionPage,
    ListDecisions,
    MatchesDecided,
)
from shared.errors import MapstreamError


class NoMatchingError(MapstreamError):
    """Two collections cannot be matched as they are."""


class Matcher(Protocol):
    """Finds for each record of a collection the nearest one of another."""

    async def match(self, collection: str, other: str) -> Matched:
        """Compare all vectors of two collections; what is known from before costs nothing.

        Raises:
            NoMatchingError: Their vectors have other dimensions, there are too many, or the other
                collection has none.
            NoVectorsError: The vectors of one are not published.
            TransientError: The files could not be read, or are being replaced.
        """
        ...


class DecisionBook(Protocol):
    """What discovery keeps of pairs, and has decided."""

    async def tell(self, asked: ListDecisions) -> DecisionPage:
        """Return a page of what was decided.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        ...

    async def decide(self, asked: DecideMatches) -> MatchesDecided:
        """Have something decided of pairs; raises as ``tell``."""
        ...
