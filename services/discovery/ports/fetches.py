"""What discovery keeps of files that are fetched from URLs."""

from typing import Protocol

from services.discovery.domain.fetches import FetchErrand, FetchOrder
from services.discovery.domain.jobs import Job
from services.discovery.domain.uploads import BroughtFile
from services.discovery.ports.jobs import Submitted, Wish


class FetchQueue(Protocol):
    """Where jobs that fetch are queued."""

    async def submit_fetches(self, order: FetchOrder, wish: Wish) -> list[Submitted]:
        """Queue a job for each URL, or say why not; starts what may start.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...


class FetchStore(FetchQueue, Protocol):
    """The jobs that fetch, and what they have brought. Each method is one transaction."""

    async def errands(self) -> list[FetchErrand]:
        """Return what is to be fetched: of each running job whose bytes are not there.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def take_fetch(self, job_id: str) -> int:
        """Note that a courier takes a job up; returns how often one did.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def receive(self, job_id: str, attempt: int, received: int, total: int | None) -> None:
        """Note how many bytes have come of a job that is fetched, if that is a step.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def bring(self, attempt: int, brought: BroughtFile, quota_bytes: int) -> Job | None:
        """Have what was fetched read for the source of its job, or end that if nothing is new.

        None: nobody waits for it, or what was told before has been taken.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def end_fetch(
        self, job_id: str, attempt: int, reason: str | None, brought: tuple[str | None, str | None]
    ) -> bool:
        """End a job whose bytes are not there.

        Args:
            job_id: The job.
            attempt: How often it was retried by hand before.
            reason: Why it failed; none: what lies there is what was fetched before.
            brought: The ETag and the Last-Modified of that.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...
