"""Tells what stands still, and keeps the figures of the status."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import structlog

from services.discovery.domain.completeness import EXPLAINED
from services.discovery.domain.ledger import Totals
from services.discovery.handlers.stalls import Loads, StallFinder, stalled
from services.discovery.loops.reading import Looker
from services.discovery.ports import PresenceStore, StallStore, StateStore
from shared.bus.messages.outgoing import outgoing_event
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.sources import SOURCE_STALLED
from shared.clock import Clock
from shared.contracts.statuses import (
    FailedSource,
    GoneSource,
    IncompleteSource,
    Ledger,
    SourceFigures,
    StalledSource,
)
from shared.waits import WAITS

REFRESH_S = 0.2
TIDY_S = 3600.0
STALLS = "looking for sources that stand still"
ACCOUNTS = "forgetting old dead letters"
FIGURES = "reading the ledger"
TOLD = 20
"""Of failed, stalled, incomplete and gone sources, the status names so many."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StallLoop:
    """Tells of the sources of one collection that stand still."""

    finder: StallFinder
    every_s: float
    loads: Callable[[], Awaitable[Loads | None]]
    """What each stage has to do; None if the bus does not tell."""
    store: StateStore
    stalls: StallStore
    publisher: Publisher
    clock: Clock
    changed: asyncio.Event

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            with WAITS.retrying(STALLS, partial(log.warning, "stalls.failed")):
                await self.look()
            await asyncio.sleep(self.every_s)

    async def look(self) -> None:
        """Look once; without the bus nothing can move, and nobody is to blame."""
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
            await self.publisher.publish(
                outgoing_event(SOURCE_STALLED, stalled(stall, self.clock))
            )
            await self.stalls.replace_stalls((), [replace(stall, is_announced=True)])
        self.changed.set()


async def forget_old_accounts(store: StateStore, clock: Clock, keep: timedelta) -> None:
    """Drop the accounts of dead letters that the bus has dropped, now and then, for ever."""
    while True:
        with WAITS.retrying(ACCOUNTS, partial(log.warning, "accounts.kept")):
            await store.forget_accounts(clock.now() - keep)
        await asyncio.sleep(TIDY_S)


class FiguresLoop:
    """Keeps the figures of the status near to the ledger."""

    def __init__(
        self,
        store: StateStore,
        stalls: StallStore,
        presence: PresenceStore,
        looker: Looker,
        collections: tuple[str, ...],
        changed: asyncio.Event,
    ) -> None:
        self._store = store
        self._stalls = stalls
        self._presence = presence
        self._looker = looker
        self._collections = collections
        self._changed = changed
        self.figures: dict[str, SourceFigures] = {}

    async def run(self) -> None:
        """Refresh whenever something changed, until cancelled."""
        self._changed.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            with WAITS.retrying(FIGURES, partial(log.warning, "figures.failed")):
                await self.refresh()
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """Read the figures of every collection.

        Raises:
            TransientError: The ledger could not be read.
        """
        for collection in self._collections:
            has_looked = self._looker.has_looked  # before the ledger: what it found is counted
            totals = await self._store.totals(collection)
            stalls = await self._stalls.stalls(collection)
            self.figures[collection] = SourceFigures(
                sources={**totals.sources},
                records=Ledger(
                    seen=totals.seen,
                    mapped=totals.mapped,
                    dead=totals.dead,
                    in_flight=totals.in_flight,
                    dropped=totals.dropped,
                ),
                failures=await self._failures(collection, totals),
                incomplete_sources=await self._presence.count_incomplete(collection),
                incomplete=await self._incomplete(collection),
                gone_sources=await self._presence.count_gone(collection),
                gone=await self._gone(collection),
                stalled_sources=len(stalls),
                stalled=[
                    StalledSource(
                        filename=one.filename,
                        stage=one.stage,
                        since=one.since,
                        in_flight=one.in_flight,
                    )
                    for one in stalls[:TOLD]
                ],
                has_looked=has_looked,
            )

    async def _failures(self, collection: str, totals: Totals) -> list[FailedSource]:
        """Read what could not be read: folders, and the sources that the ledger says so of."""
        has_failed = totals.sources.get("failed")
        passed_over = self._looker.passed_over(collection)[:TOLD]
        failed = await self._store.failed(collection, TOLD) if has_failed else []
        return [
            *(FailedSource(filename=one.path, reason=one.reason) for one in passed_over),
            *(
                FailedSource(filename=one.filename, reason=one.reason or "unknown")
                for one in failed
            ),
        ]

    async def _incomplete(self, collection: str) -> list[IncompleteSource]:
        """Read which sources are not mapped, since they are not at their end."""
        return [
            IncompleteSource(
                filename=one.filename,
                why=one.why_incomplete,
                reason=one.why_incomplete and EXPLAINED[one.why_incomplete],
                since=one.incomplete_since,
            )
            for one in await self._presence.incomplete(collection, TOLD)
        ]

    async def _gone(self, collection: str) -> list[GoneSource]:
        """Read which sources were mapped and are not there any more."""
        return [
            GoneSource(
                filename=one.filename, since=one.gone_at, mapped=one.mapped, same_as=one.same_as
            )
            for one in await self._presence.gone(collection, TOLD)
            if one.gone_at
        ]
