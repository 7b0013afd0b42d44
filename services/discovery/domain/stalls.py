"""Which sources stand still, and which stage holds them."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.discovery.domain.ledger import SourceRecord
from shared.services import Stage

Holder = Literal[Stage, "bus"]
Numbers = tuple[int, int, int, int, str]
WAY: tuple[Holder, ...] = ("embedding", "projection", "writing", "discovery")
"""The way of a batch, until discovery has read that it was committed."""


@dataclass(frozen=True, slots=True)
class Stall:
    """A source whose numbers have not changed for long."""

    collection: str
    source_id: str
    filename: str
    numbers: Numbers
    stage: Holder
    since: datetime
    """When its numbers last changed, as far as this process has seen."""
    is_announced: bool = False

    @property
    def source_version(self) -> int:
        """The version that stands still."""
        return self.numbers[0]

    @property
    def in_flight(self) -> int:
        """Records of which nothing was heard yet."""
        _, seen, mapped, dead, _ = self.numbers
        return seen - mapped - dead


@dataclass(frozen=True, slots=True)
class StageLoad:
    """What a stage has before it and in hand."""

    messages: int
    settled_to: int
    """Place in its stream up to which all is settled."""


def numbers_of(source: SourceRecord) -> Numbers:
    """Return what changes whenever something becomes of a source."""
    return source.source_version, source.seen, source.mapped, source.dead, source.status


@dataclass(frozen=True, slots=True)
class Standing:
    """What a look has found, and its number: of every look a higher one."""

    number: int
    found: Sequence[tuple[SourceRecord, int]]
    """Each source with the last look in which something moved at it or before it."""


class LookTimes:
    """Remembers when each look was, to tell since when something has not moved.

    Work is queued in order: a source that waits behind others which move does not stand still.
    """

    def __init__(self) -> None:
        self._numbers: list[int] = []
        self._times: list[float] = []

    def last_before(self, time_s: float) -> int:
        """Return the last look that was not later than this; 0: there was none.

        What did not move since has stood still since then, and is asked for by its number; the
        looks before it are forgotten.
        """
        old = bisect_right(self._times, time_s)
        if not old:
            return 0
        del self._numbers[: old - 1], self._times[: old - 1]
        return self._numbers[0]

    def note(self, number: int, time_s: float) -> None:
        """Note when a look was."""
        self._numbers.append(number)
        self._times.append(time_s)

    def seen_s(self, moved_in: int) -> float:
        """Return when it was first seen that something had moved: at the look after."""
        return self._times[bisect_right(self._numbers, moved_in)]


def moving(before: Mapping[Holder, StageLoad], now: Mapping[Holder, StageLoad]) -> set[Holder]:
    """Return the stages that settled something between two looks."""
    return {
        stage
        for stage, load in now.items()
        if stage in before and before[stage].settled_to != load.settled_to
    }


def holder_of(
    source: SourceRecord, loads: Mapping[Holder, StageLoad], are_moving: Iterable[Holder]
) -> Holder:
    """Choose the stage that holds a source which stands still.

    A stage that stands still makes those before it stand still, too: so it is the last of them.
    If all that have work do move, it waits before the first.
    """
    busy = [stage for stage in WAY if stage in loads and loads[stage].messages]
    still = [stage for stage in busy if stage not in set(are_moving)]
    if still:
        return still[-1]
    if source.status == "reading":
        return "discovery"
    return busy[0] if busy else "bus"
