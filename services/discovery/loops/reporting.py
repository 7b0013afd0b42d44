"""Reports what stands still, keeps the figures of the status, and forgets old accounts."""

import asyncio
from datetime import timedelta
from functools import partial

import structlog

from services.discovery.handlers.figures import LedgerFigures
from services.discovery.handlers.stalls import StallReport
from services.discovery.ports import StateStore
from shared.bus.publishing.publisher import Publisher
from shared.clock import Clock
from shared.settings import RetentionSection
from shared.waits import WAITS

REFRESH_S = 0.2
TIDY_S = 3600.0
STALLS = "looking for sources that stand still"
ACCOUNTS = "forgetting old dead letters"
FIGURES = "reading the ledger"
log = structlog.get_logger(__name__)


async def report_stalls(report: StallReport, publisher: Publisher, every_s: float) -> None:
    """Look for what stands still, now and then, for ever."""
    while True:
        with WAITS.retrying(STALLS, partial(log.warning, "stalls.failed")):
            await publisher.publish_steps(report.look())
        await asyncio.sleep(every_s)


async def forget_old_accounts(store: StateStore, clock: Clock, kept: RetentionSection) -> None:
    """Drop the accounts of dead letters that the bus has dropped, now and then, for ever."""
    # A day longer than the letters: the server deletes those by its own clock.
    keep = timedelta(days=kept.dead_letters_days + 1)
    while True:
        with WAITS.retrying(ACCOUNTS, partial(log.warning, "accounts.kept")):
            await store.forget_accounts(clock.now() - keep)
        await asyncio.sleep(TIDY_S)


async def keep_figures_fresh(figures: LedgerFigures, changed: asyncio.Event) -> None:
    """Read the figures whenever something changed, for ever."""
    changed.set()
    while True:
        await changed.wait()
        changed.clear()
        with WAITS.retrying(FIGURES, partial(log.warning, "figures.failed")):
            await figures.refresh()
        await asyncio.sleep(REFRESH_S)
