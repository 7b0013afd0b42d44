"""Finds sources that stand still, tells of each once, and lets go of those that move again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from services.discovery.domain.stalls import (
    Holder,
    LookTimes,
    StageLoad,
    Stall,
    holder_of,
    moving,
    numbers_of,
)
from services.discovery.ports import StallStore
from shared.bus.messages.outgoing import Steps, outgoing_event
from shared.bus.registry.sources import SOURCE_STALLED
from shared.clock import Clock
from shared.contracts.sources import SourceStalled

AT_ONCE = 100
"""So many are noted and told by one look; the next one finds the others."""
Loads = Mapping[Holder, StageLoad]
log = structlog.get_logger(__name__)


class StallFinder:
    """Looks at the unfinished sources of one collection, again and again."""

    def __init__(self, collection: str, *, after_s: float) -> None:
        self._collection = collection
        self._after_s = after_s
        self._times = LookTimes()
        self._loads: Loads = {}

    def restart(self) -> None:
        """Measure from the next look on: in between, nothing could move."""
        self._times = LookTimes()
        self._loads = {}

    async def look(self, loads: Loads, *, stalls: StallStore, clock: Clock) -> list[Stall]:
        """Look once, and note what stands still.

        Args:
            loads: What each stage has to do.
            stalls: Knows what moves, and what was found before.
            clock: Measures and dates.

        Returns:
            The stalls that are to be told: new ones, and those that a crash kept from being told.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        now, now_s = clock.now(), clock.monotonic()
        are_moving = moving(self._loads, loads)
        self._loads = loads
        before = self._times.last_before(now_s - self._after_s)
        standing = await stalls.look_for_standing(self._collection, before, AT_ONCE)
        self._times.note(standing.number, now_s)
        begun = [
            Stall(
                self._collection,
                source.source_id,
                source.filename,
                numbers_of(source),
                holder_of(source, loads, are_moving),
                now - timedelta(seconds=now_s - self._times.seen_s(moved_in)),
            )
            for source, moved_in in standing.found
        ]
        if begun:
            await stalls.note_stalls(begun)
        return await stalls.untold_stalls(self._collection, AT_ONCE)


@dataclass(frozen=True, slots=True)
class StallReport:
    """Tells of the sources of one collection that stand still."""

    finder: StallFinder
    loads: Callable[[], Awaitable[Loads | None]]
    """What each stage has to do; None if the bus does not tell."""
    stalls: StallStore
    clock: Clock
    changed: asyncio.Event
    """Set whenever the figures may be others."""

    async def look(self) -> Steps:
        """Look once; without the bus nothing can move, and nobody is to blame.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        loads = await self.loads()
        if loads is None:
            self.finder.restart()
            return
        for stall in await self.finder.look(loads, stalls=self.stalls, clock=self.clock):
            log.warning(
                "source.stands_still",
                file=stall.filename,
                stage=stall.stage,
                since=stall.since.isoformat(),
                in_flight=stall.in_flight,
            )
            yield [outgoing_event(SOURCE_STALLED, stalled(stall, self.clock))]
            await self.stalls.note_stalls([replace(stall, is_announced=True)])
        self.changed.set()


def stalled(stall: Stall, clock: Clock) -> SourceStalled:
    """Tell of a stall; the same one always gets the same id."""
    version, seen, mapped, dead, _ = stall.numbers
    return SourceStalled(
        id=SourceStalled.id_of(stall.source_id, version, stall.since.isoformat()),
        collection=stall.collection,
        occurred_at=clock.now(),
        source_id=stall.source_id,
        filename=stall.filename,
        source_version=version,
        stage=stall.stage,
        since=stall.since,
        seen=seen,
        mapped=mapped,
        dead=dead,
        in_flight=stall.in_flight,
    )
