"""What the courier does by itself: it asks, again and again, what is to be fetched."""

import asyncio
from functools import partial

import structlog

from services.courier.handlers.errands import Courier
from shared.task_groups import TaskGroup
from shared.waits import WAITS

LOOK_S = 1.0
ASKING = "asking what is to be fetched"
log = structlog.get_logger(__name__)


async def run_errands(courier: Courier) -> None:
    """Fetch what is to be fetched, for ever."""
    async with TaskGroup() as group:
        while True:
            with WAITS.retrying(ASKING, partial(log.warning, "fetches.unknown")):
                await courier.look(group)
            await asyncio.sleep(LOOK_S)
