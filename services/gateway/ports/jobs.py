"""What is needed of the jobs, and of what was done with them."""

from typing import Protocol

from shared.contracts.jobs import EffectPage, JobPage, ListEffects, ListJobs


class JobBook(Protocol):
    """What discovery tells of jobs."""

    async def jobs(self, asked: ListJobs) -> JobPage:
        """Return a page of jobs, the newest first.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        ...

    async def effects(self, asked: ListEffects) -> EffectPage:
        """Return a page of what was done, the newest first; raises as ``jobs``."""
        ...
