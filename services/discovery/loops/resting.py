"""Lets collections rest that have no work, now and then."""

import asyncio
from functools import partial

import structlog

from services.discovery.handlers.busy import BusyCollections
from shared.waits import WAITS

LONGEST_S = 5.0
SHORTEST_S = 0.25
WANTED_S = 0.5
"""Between two looks while others wait for their turn."""
RESTING = "letting collections rest"
log = structlog.get_logger(__name__)


async def let_rest(busy: BusyCollections, rest_after_s: float) -> None:
    """Look for what may rest, for ever."""
    every_s = min(max(rest_after_s / 4, SHORTEST_S), LONGEST_S)
    while True:
        await asyncio.sleep(min(every_s, WANTED_S) if busy.are_awaited else every_s)
        with WAITS.retrying(RESTING, partial(log.warning, "resting.failed")):
            await busy.look()
