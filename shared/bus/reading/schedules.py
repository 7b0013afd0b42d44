"""Asks discovery for schedules, and has something done with them."""

from dataclasses import dataclass

from nats.aio.client import Client

from shared.bus.asking import ask
from shared.bus.registry.questions import SCHEDULES_CHANGE, SCHEDULES_LIST
from shared.contracts.schedules import (
    ChangeSchedule,
    ListSchedules,
    ScheduleChanged,
    SchedulePage,
)


@dataclass(frozen=True, slots=True)
class ScheduleBook:
    """What discovery tells of schedules, as one connection learns it."""

    client: Client

    async def tell(self, asked: ListSchedules) -> SchedulePage:
        """Return the schedules.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        return await ask(self.client, SCHEDULES_LIST, asked)

    async def change(self, asked: ChangeSchedule) -> ScheduleChanged:
        """Have something done with one; raises as ``tell``."""
        return await ask(self.client, SCHEDULES_CHANGE, asked)
