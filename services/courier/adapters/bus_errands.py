"""Asks discovery over the bus."""

from dataclasses import dataclass

from shared.bus.asking import ask
from shared.bus.connection import Client
from shared.bus.registry.questions import FETCHES_ANALYSIS, FETCHES_DELIVER, FETCHES_TAKE
from shared.contracts.analysis import AnalysisNoted, NoteAnalysis
from shared.contracts.fetching import DeliverFetch, FetchDelivered, FetchesTaken, TakeFetches


@dataclass(frozen=True, slots=True)
class BusErrands:
    """What discovery's ledger says, as one connection hears it."""

    client: Client

    async def take(self, asked: TakeFetches) -> FetchesTaken:
        """See Errands."""
        return await ask(self.client, FETCHES_TAKE, asked)

    async def deliver(self, told: DeliverFetch) -> FetchDelivered:
        """See Errands."""
        return await ask(self.client, FETCHES_DELIVER, told)

    async def note(self, told: NoteAnalysis) -> AnalysisNoted:
        """See Errands."""
        return await ask(self.client, FETCHES_ANALYSIS, told)
