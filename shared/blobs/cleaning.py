"""Removes what broken uploads have left, now and then."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import structlog

from shared.waits import WAITS

FIRST_S = 600.0
"""After the start: commands that waited on the bus meanwhile come before."""
EVERY_S = 6 * 3600.0
WHAT = "cleaning up after broken uploads"
log = structlog.get_logger(__name__)


async def keep_clean(clean: Callable[[timedelta], Awaitable[int]], after: timedelta) -> None:
    """Clean up every six hours, until cancelled.

    Args:
        clean: Removes what is older than so long, and counts it.
        after: How old.
    """
    await asyncio.sleep(FIRST_S)
    while True:
        with WAITS.retrying(WHAT, partial(log.warning, "uploads.uncleaned")):
            if count := await clean(after):
                log.info("uploads.cleaned", files=count)
        await asyncio.sleep(EVERY_S)
