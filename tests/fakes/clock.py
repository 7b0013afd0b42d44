"""A clock that stands still until it is moved."""

from datetime import datetime, timedelta

from tests.builders import NOW


class FrozenClock:
    """Shows the builders' ``NOW``; only ``advance`` moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now
        self._passed_s = 0.0

    def now(self) -> datetime:
        return self._now + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    def advance(self, seconds: float) -> None:
        self._passed_s += seconds
