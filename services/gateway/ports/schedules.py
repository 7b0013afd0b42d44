"""What is needed of schedules."""

from typing import Protocol

from shared.contracts.schedules import (
    ChangeSchedule,
    ListSchedules,
    ScheduleChanged,
    SchedulePage,
)


class ScheduleBook(Protocol):
    """What discovery tells of schedules, and does with them."""

    async def tell(self, asked: ListSchedules) -> SchedulePage:
        """Return the schedules.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        ...

    async def change(self, asked: ChangeSchedule) -> ScheduleChanged:
        """Have something done with one; raises as ``tell``."""
        ...
