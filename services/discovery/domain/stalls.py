"""Which sources stand still, and which stage holds them."""

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


class StallWatch:
    """Remembers when the numbers of each unfinished source last changed.

    Work is queued in order: a source that waits behind others which move does not stand still.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Numbers, float]] = {}

    def look(self, unfinished: Sequence[SourceRecord], now_s: float) -> dict[str, float]:
        """Take note of the sources.

        Returns:
            Source id to when something last moved at it or before it, on the clock of ``now_s``.
        """
        present = {source.source_id: numbers_of(source) for source in unfinished}
        order = [*self._seen, *(key for key in present if key not in self._seen)]
        after: dict[str, tuple[Numbers, float]] = {}
        since: dict[str, float] = {}
        moved_s = float("-inf")
        for key in order:
            numbers = present.get(key)
            before, changed_s = self._seen.get(key, (None, now_s))
            if numbers != before:
                changed_s = now_s
            moved_s = max(moved_s, changed_s)
            if numbers is not None:
                after[key] = numbers, changed_s
                since[key] = moved_s
        self._seen = after
        return since


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
