"""Keeps the figures of the status, as the ledger has them."""

from collections.abc import Callable, Collection

import structlog

from services.discovery.domain.completeness import EXPLAINED
from services.discovery.domain.totals import Totals
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.ports import ContradictionStore, PresenceStore, StallStore, StateStore
from shared.contracts.statuses import (
    ContradictedBatch,
    FailedSource,
    GoneSource,
    IncompleteSource,
    Ledger,
    SourceFigures,
    StalledSource,
)

log = structlog.get_logger(__name__)
TOLD = 20
"""Of failed, stalled, incomplete and gone sources, the status names so many."""


class LedgerFigures:
    """What the service tells about its collections."""

    def __init__(
        self,
        store: StateStore,
        stalls: StallStore,
        presence: PresenceStore,
        contradictions: ContradictionStore,
        scanner: SourceScanner,
        collections: Collection[str],
    ) -> None:
        self._store = store
        self._stalls = stalls
        self._presence = presence
        self._contradictions = contradictions
        self._logged: set[str] = set()
        """Ids of batches of whose contradictions the log tells since the start."""
        self._scanner = scanner
        self._collections = collections
        self.is_compared: Callable[[str], bool] = lambda _: True
        """Tells whether the ledger of a collection was compared with the dataset."""
        self.by_collection: dict[str, SourceFigures] = {}

    async def refresh(self) -> None:
        """Read the figures of every collection.

        Raises:
            TransientError: The ledger could not be read.
        """
        for gone in set(self.by_collection) - set(self._collections):
            del self.by_collection[gone]
        for collection in list(self._collections):
            has_looked = self._scanner.has_looked(
                collection
            )  # before the ledger: what it found is counted
            totals = await self._store.totals(collection)
            stalls = await self._stalls.stalls(collection, TOLD)
            self.by_collection[collection] = SourceFigures(
                sources={**totals.sources},
                records=Ledger(
                    seen=totals.seen,
                    mapped=totals.mapped,
                    dead=totals.dead,
                    in_flight=totals.in_flight,
                    dropped=totals.dropped,
                    held=totals.held,
                ),
                failures=await self._failures(collection, totals),
                incomplete_sources=await self._presence.count_incomplete(collection),
                incomplete=await self._incomplete(collection),
                gone_sources=await self._presence.count_gone(collection),
                gone=await self._gone(collection),
                stalled_sources=await self._stalls.count_stalls(collection),
                stalled=[
                    StalledSource(
                        filename=one.filename,
                        stage=one.stage,
                        since=one.since,
                        in_flight=one.in_flight,
                    )
                    for one in stalls
                ],
                contradicted_batches=await self._contradictions.count_contradictions(collection),
                contradicted=await self._contradicted(collection),
                has_looked=has_looked,
                is_compared=self.is_compared(collection),
            )

    async def _failures(self, collection: str, totals: Totals) -> list[FailedSource]:
        """Read what could not be read: folders, and the sources that the ledger says so of."""
        has_failed = totals.sources.get("failed")
        passed_over = self._scanner.passed_over(collection)[:TOLD]
        failed = await self._store.failed(collection, TOLD) if has_failed else []
        return [
            *(FailedSource(filename=one.path, reason=one.reason) for one in passed_over),
            *(
                FailedSource(
                    filename=one.filename, reason=one.reason or "unknown", is_held=one.is_held
                )
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

    async def _contradicted(self, collection: str) -> list[ContradictedBatch]:
        """Read of which batches two things were told; the log tells each once."""
        found = await self._contradictions.contradictions(collection, TOLD)
        for one in found:
            if one.batch_id not in self._logged:
                self._logged.add(one.batch_id)
                log.error(
                    "accounts.contradict", file=one.filename, batch=one.batch_id, what=one.what
                )
        return [
            ContradictedBatch(
                filename=one.filename, batch_id=one.batch_id, what=one.what, since=one.since
            )
            for one in found
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
