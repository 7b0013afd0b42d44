"""Asks discovery what people decided of pairs of records, and has it decided."""

from dataclasses import dataclass

from nats.aio.client import Client

from shared.bus.asking import ask
from shared.bus.registry.questions import MATCHES_DECIDE, MATCHES_DECISIONS
from shared.contracts.matches import (
    DecideMatches,
    DecisionPage,
    ListDecisions,
    MatchesDecided,
)


@dataclass(frozen=True, slots=True)
class DecisionBook:
    """What discovery keeps of pairs, as one connection learns it."""

    client: Client

    async def tell(self, asked: ListDecisions) -> DecisionPage:
        """Return a page of what was decided.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        return await ask(self.client, MATCHES_DECISIONS, asked)

    async def decide(self, asked: DecideMatches) -> MatchesDecided:
        """Have something decided of pairs; raises as ``tell``."""
        return await ask(self.client, MATCHES_DECIDE, asked)
