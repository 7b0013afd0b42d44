"""Waiting that a request to stop ends, whatever is waited for."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from shared.errors import MapstreamError

Result = TypeVar("Result")
LOST_S = 0.5
"""A task that does not end when it is cancelled is left behind after this."""


class StoppedError(MapstreamError):
    """Somebody wants it to stop before it was ready."""


async def unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result:
    """Return what a piece of work gives.

    Before Python 3.12, a cancellation can get lost in asyncio.wait_for, which nats-py uses: so
    the work is cancelled, and nobody waits long for its end.

    Raises:
        StoppedError: The stop came first.
    """
    task = asyncio.ensure_future(work)
    told = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        told.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=LOST_S)
    raise StoppedError("stopped")
