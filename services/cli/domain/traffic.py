"""What the stages handled between two looks."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self

from services.cli.domain.statuses import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Counters of one stage, of all its instances together, since they were started."""

    records_in: float = 0.0
    records_out: float = 0.0
    failed: float = 0.0
    redelivered: float = 0.0
    dead: float = 0.0
    handled: float = 0.0
    """Calls of handlers, and the seconds they took together."""
    handling_s: float = 0.0
    aged: float = 0.0
    """Batches that the stage was done with, and how old they were then, in seconds together."""
    age_s: float = 0.0

    @classmethod
    def of(cls, instances: Sequence[Status], collection: str) -> Self:
        """Add up what the instances of a stage tell of a collection."""
        told = [one.get("traffic", {}).get(collection, {}) for one in instances]
        sums = {one.name: sum(each.get(one.name, 0.0) for each in told) for one in fields(cls)}
        return cls(**sums)

    def since(self, before: Self) -> "Traffic":
        """Return what was added; a stage that was started again has added what it has now."""
        values = {one.name: (getattr(before, one.name), getattr(self, one.name))
                  for one in fields(self)}  # fmt: skip
        is_new = any(after < old for old, after in values.values())
        return Traffic(
            **{name: new - (0 if is_new else old) for name, (old, new) in values.items()}
        )


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
        gained = after.get(stage, Traffic()).since(before.get(stage, Traffic()))
        return Rates(gained, end - start)
