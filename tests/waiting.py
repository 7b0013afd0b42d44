"""Waiting for a condition, with patience for a machine that has much else to do."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

PATIENCE_S = 120.0
"""Long after this nothing will come; a test that waits for what must come gives it all of it."""


async def until(condition: Callable[[], Any]) -> Any:
    """Return what a condition gives as soon as that is true; it may have to be awaited."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.02)


async def ended(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks until they have ended; what they raised is theirs to tell.

    Before Python 3.12, a cancellation can get lost in asyncio.wait_for, which nats-py uses.
    """
    left = set(tasks)
    async with asyncio.timeout(PATIENCE_S):
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=0.5)
