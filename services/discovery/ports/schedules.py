"""What is kept of schedules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from services.discovery.domain.schedules import Schedule


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a slot, or of several; or a run by hand."""

    at: datetime
    slot: datetime | None
    outcome: Literal["ran", "by hand", "missed", "overlapped"]
    slots: int = 1
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotRun:
    """Why a schedule was not run by hand, or not changed."""

    outcome: Literal["unknown", "running", "too often", "refused"]
    reason: str


@dataclass(frozen=True, slots=True)
class Ran:
    """A schedule that was run by hand."""

    schedule: Schedule
    job_id: str


class ScheduleStore(Protocol):
    """The schedules, beside the jobs that they queue. Each method is one transaction."""

    async def schedules(
        self, collection: str | None = None
    ) -> list[tuple[Schedule, Sequence[Run]]]:
        """Return the schedules of all or of one, and the last runs of each, newest first.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def add_schedule(self, schedule: Schedule) -> bool:
        """Keep a new schedule; false if the collection has one of this URL and name.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def change_schedule(
        self,
        schedule_id: str,
        by: str,
        *,
        every_hours: int | None = None,
        is_paused: bool | None = None,
        filename: str | None = None,
    ) -> Schedule | NotRun | None:
        """Give it another period or name, pause it, or let it go on; none if there is none.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def remove_schedule(self, schedule_id: str, by: str) -> Schedule | None:
        """Remove one; what it has fetched stays. None if there is none.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def run_schedules(self, schedule_ids: Sequence[str], by: str) -> list[Ran | NotRun]:
        """Fetch now, each or not, in one run by hand; no slot is decided by that.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def follow_schedules(self) -> int:
        """Decide the slots that have come, and queue what is to be run; count the slots.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        ...
