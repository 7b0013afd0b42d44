"""Finds sources that stand still, tells of each once, and lets go of those that move again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from services.discovery.domain.stalls import (
    Holder,
    StageLoad,
    Stall,
    StallWatch,
    holder_of,
    moving,
    numbers_of,
)
from services.discovery.ports import StallStore, StateStore
from shared.bus.messages.outgoing import Steps, outgoing_event
from shared.bus.registry.sources import SOURCE_STALLED
from shared.clock import Clock
from shared.contracts.sources import SourceStalled

Loads = Mapping[Holder, StageLoad]
log = structlog.get_logger(__name__)


class StallFinder:
    """Looks at the unfinished sources of one collection, again and again."""

    def __init__(self, collection: str, *, after_s: float) -> None:
        self._collection = collection
        self._after_s = after_s
        self._watch = StallWatch()
        self._loads: Loads = {}

    def restart(self) -> None:
        """Measure from the next look on: in between, nothing could move."""
        self._watch = StallWatch()
        self._loads = {}

    async def look(
        self, loads: Loads, *, store: StateStore, stalls: StallStore, clock: Clock
    ) -> list[Stall]:
        """Look once, and note what stands still and what does not any more.

        Args:
            loads: What each stage has to do.
            store: The ledger.
            stalls: What was found before.
            clock: Measures and dates.

        Returns:
            The stalls that are to be told: new ones, and those that a crash kept from being told.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        now, now_s = clock.now(), clock.monotonic()
        unfinished = await store.unfinished(self._collection)
        are_moving = moving(self._loads, loads)
        self._loads = loads
        since = self._watch.look(unfinished, now_s)
        present = {source.source_id: numbers_of(source) for source in unfinished}
        known = {one.source_id: one for one in await stalls.stalls(self._collection)}
        over = [key for key, one in known.items() if present.get(key) != one.numbers]
        begun = [
            Stall(
                self._collection,
                source.source_id,
                source.filename,
                numbers_of(source),
                holder_of(source, loads, are_moving),
                now - timedelta(seconds=now_s - since[source.source_id]),
            )
            for source in unfinished
            if now_s - since[source.source_id] >= self._after_s
            and (source.source_id not in known or source.source_id in over)
        ]
        if over or begun:
            await stalls.replace_stalls(over, begun)
        kept = [one for key, one in known.items() if key not in over and not one.is_announced]
        return [*kept, *begun]


@dataclass(frozen=True, slots=True)
class StallReport:
    """Tells of the sources of one collection that stand still."""

    finder: StallFinder
    loads: Callable[[], Awaitable[Loads | None]]
    """What each stage has to do; None if the bus does not tell."""
    store: StateStore
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
        for stall in await self.finder.look(
            loads, store=self.store, stalls=self.stalls, clock=self.clock
        ):
            log.warning(
                "source.stands_still",
                file=stall.filename,
                stage=stall.stage,
                since=stall.since.isoformat(),
                in_flight=stall.in_flight,
            )
            yield [outgoing_event(SOURCE_STALLED, stalled(stall, self.clock))]
            await self.stalls.replace_stalls((), [replace(stall, is_announced=True)])
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
