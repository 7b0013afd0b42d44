"""Files that were handed in and wait for an analysis service: as long as a courier knows one."""

from dataclasses import dataclass, field

import structlog

from services.discovery.domain.analyses import NO_ANALYSER, NOT_WANTED
from services.discovery.domain.fetches import FetchErrand
from services.discovery.ports.analyses import AnalysisStore
from shared.clock import Clock
from shared.contracts.fetching import TakeFetches

AWAY_S = 15.0
"""A courier that has not asked for so long is gone: another one takes up what it had."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Analysers:
    """Knows whether a courier has files analysed, and has them read as they are if none has.

    That is kept in the ledger, too, whose jobs start by it: also before any courier has asked
    anew.
    """

    store: AnalysisStore
    clock: Clock
    _last_s: float = field(init=False)
    """When one that has files analysed asked last."""
    _is_there: bool | None = None
    """What the ledger says; None: it was not told anything yet."""

    def __post_init__(self) -> None:
        """Note since when couriers could have asked."""
        self._last_s = self.clock.monotonic()

    async def hear(self, asked: TakeFetches) -> None:
        """Note what a courier says of itself.

        Raises:
            TransientError: The ledger could not be written.
        """
        now_s = self.clock.monotonic()
        if asked.can_analyze:
            self._last_s = now_s
            await self._note(is_there=True)
        elif now_s - self._last_s >= AWAY_S:
            await self._note(is_there=False)

    async def settle(self, errand: FetchErrand, *, is_held: bool) -> bool:
        """Have a file read as it is that nobody will analyse; tell whether that was done.

        Args:
            errand: What waits.
            is_held: Whether a courier has it in hand.

        Raises:
            TransientError: The ledger could not be written.
        """
        if errand.url is not None or is_held:
            return False
        if not errand.is_analyzed:
            return await self._skip(errand, NOT_WANTED)
        return self._is_there is False and await self._skip(errand, NO_ANALYSER)

    async def give_up(self, errand: FetchErrand) -> bool:
        """Have a file read as it is since no courier asks at all; false if it was not handed in.

        Raises:
            TransientError: The ledger could not be written.
        """
        if errand.url is not None:
            return False
        await self._note(is_there=False)
        return await self._skip(errand, NO_ANALYSER)

    async def _skip(self, errand: FetchErrand, why: str) -> bool:
        log.warning("analysis.skipped", job=errand.job.id, reason=why)
        return await self.store.skip_analysis(errand.job.id, errand.job.retries, why)

    async def _note(self, *, is_there: bool) -> None:
        if is_there != self._is_there:
            await self.store.note_analyser(is_there=is_there)
            self._is_there = is_there
