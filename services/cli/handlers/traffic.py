"""What the stages handled between two looks."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.contracts.statuses import Status, Traffic


def total(instances: Sequence[Status], collection: str) -> Traffic:
    """Add up what the instances of a stage tell of a collection."""
    told = [one.traffic[collection] for one in instances if collection in one.traffic]
    return Traffic(**{name: sum(getattr(one, name) for one in told) for name in COUNTERS})


def added(before: Traffic, after: Traffic) -> Traffic:
    """Return what was added; a stage that was started again has added what it has now."""
    gained = {name: getattr(after, name) - getattr(before, name) for name in COUNTERS}
    return after if min(gained.values()) < 0 else Traffic(**gained)


COUNTERS = tuple(Traffic.model_fields)


@dataclass(frozen=True, slots=True)
class Rates:
    """What a stage did in a while."""

    gained: Traffic
    seconds: float

    @property
    def records_in(self) -> float:
        """Records that came in, per second."""
        return self.gained.records_in / self.seconds if self.seconds else 0.0

    @property
    def records_out(self) -> float:
        """Records that went out, per second."""
        return self.gained.records_out / self.seconds if self.seconds else 0.0

    @property
    def handling_s(self) -> float | None:
        """Mean seconds of a call of the handler, if there was one."""
        return self.gained.handling_s / self.gained.handled if self.gained.handled else None

    @property
    def age_s(self) -> float | None:
        """Mean age of the batches that the stage was done with, if there were any."""
        return self.gained.age_s / self.gained.aged if self.gained.aged else None


class Window:
    """The looks of the last seconds, from which rates are made."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._looks: deque[tuple[float, Mapping[str, Traffic]]] = deque()

    def add(self, now_s: float, traffic: Mapping[str, Traffic]) -> None:
        """Take a look in, and forget those that are too old."""
        self._looks.append((now_s, traffic))
        while len(self._looks) > 2 and now_s - self._looks[1][0] >= self._seconds:  # noqa: PLR2004
            self._looks.popleft()

    def rates(self, stage: str) -> Rates:
        """Return what a stage did in the window; nothing if there was only one look."""
        (start, before), (end, after) = self._looks[0], self._looks[-1]
        gained = added(before.get(stage, Traffic()), after.get(stage, Traffic()))
        return Rates(gained, end - start)
