"""Schedules: slots on a fixed grid, each of which is decided once.

Slot k of a schedule is at its anchor plus k periods. How many slots are decided is a number that
only grows: a clock that goes back decides nothing twice, one that jumps ahead misses slots, and
nothing is caught up: of the slots that are due together only the last one is run.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, TypeVar

from services.discovery.domain.preferences import Chosen

HOUR = timedelta(hours=1)
STALE = 9 * HOUR
STALE_PERIODS = 1.5
BY_HAND_A_MINUTE = 10
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Slots that come again and again, and what became of them so far."""

    every_hours: int
    anchor: datetime
    """When slot 0 is."""
    created_at: datetime
    created_by: str
    decided: int = 0
    """So many slots of this grid are decided: 0 to one less than this."""
    is_paused: bool = False
    ran: int = 0
    missed: int = 0
    overlapped: int = 0
    succeeded_at: datetime | None = None

    @property
    def period(self) -> timedelta:
        """From slot to slot."""
        return self.every_hours * HOUR

    @property
    def next_at(self) -> datetime:
        """The first slot that is not decided."""
        return self.slot(self.decided)

    @property
    def settled(self) -> int:
        """How many slots there were, of all its grids."""
        return self.ran + self.missed + self.overlapped

    def slot(self, number: int) -> datetime:
        """Say when a slot is."""
        return self.anchor + number * self.period

    def is_stale(self, now: datetime) -> bool:
        """Tell whether no run has succeeded for too long."""
        since = self.succeeded_at or self.created_at
        limit = max(STALE, STALE_PERIODS * self.period)
        return not self.is_paused and now - since > limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Grid):
    """A URL that is fetched again and again."""

    id: str
    collection: str
    url: str
    filename: str | None
    chosen: Chosen = field(default_factory=Chosen)
    columns: Literal["preferred", "own"] = "preferred"


AnyGrid = TypeVar("AnyGrid", bound=Grid)


@dataclass(frozen=True, slots=True)
class Due:
    """Slots that have come since the last look."""

    missed: int
    """So many of them nobody runs."""
    slot: datetime | None
    """The one that is to be run, if one is."""


def due(schedule: Grid, now: datetime) -> Due:
    """Say which slots have come: of several, the last one is run, unless it is paused."""
    if now < schedule.anchor:
        return Due(0, None)
    come = (now - schedule.anchor) // schedule.period + 1
    new = come - schedule.decided
    if new <= 0:
        return Due(0, None)
    if schedule.is_paused:
        return Due(new, None)
    return Due(new - 1, schedule.slot(come - 1))


def settled(schedule: AnyGrid, found: Due, *, is_overlapped: bool) -> AnyGrid:
    """Return a schedule whose due slots are decided."""
    runs = 0 if found.slot is None else 1
    return replace(
        schedule,
        decided=schedule.decided + found.missed + runs,
        missed=schedule.missed + found.missed,
        ran=schedule.ran + (runs and not is_overlapped),
        overlapped=schedule.overlapped + (runs and is_overlapped),
    )


def with_period(schedule: AnyGrid, every_hours: int, now: datetime) -> AnyGrid:
    """Return a schedule with another grid, which begins a period from now."""
    if every_hours == schedule.every_hours:
        return schedule
    return replace(schedule, every_hours=every_hours, anchor=now + every_hours * HOUR, decided=0)
