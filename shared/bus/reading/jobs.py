"""Asks discovery which jobs there are, and what was done with them."""

from dataclasses import dataclass

from nats.aio.client import Client

from shared.bus.asking import ask
from shared.bus.registry.questions import EFFECTS_LIST, JOBS_LIST
from shared.contracts.jobs import EffectPage, JobPage, ListEffects, ListJobs


@dataclass(frozen=True, slots=True)
class JobBook:
    """What discovery tells of jobs, as one connection learns it."""

    client: Client

    async def jobs(self, asked: ListJobs) -> JobPage:
        """Return a page of jobs, the newest first.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        return await ask(self.client, JOBS_LIST, asked)

    async def effects(self, asked: ListEffects) -> EffectPage:
        """Return a page of what was done, the newest first; raises as ``jobs``."""
        return await ask(self.client, EFFECTS_LIST, asked)
