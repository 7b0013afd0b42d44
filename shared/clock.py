"""Time as a dependency, so that tests can move it."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day and measures durations."""

    def now(self) -> datetime:
        """Return the current time, with zone UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start, never going backwards."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the current time, with zone UTC."""
        return datetime.now(UTC)  # noqa: TID251  the one place

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start, never going backwards."""
        return time.monotonic()
