"""Watches folders by what the operating system says, in a thread: to begin goes through them."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from functools import partial
from threading import Event

from anyio import to_thread
from watchfiles import watch

TICK_MS = 500
"""How often a watch gives the word back, to see whether it is time for something else."""
STEPS = 4
"""A burst of changes is over when nothing happens for this part of the debounce time."""
MIN_STEP_MS = 10


class FolderWatch:
    """What changes at and below some paths, from the moment at which the watch has begun."""

    def __init__(self, paths: Iterable[str], debounce_ms: int) -> None:
        """Begin.

        Args:
            paths: Folders, with all below them, and files.
            debounce_ms: A burst of changes is told at once after at most this time.
        """
        self.paths = frozenset(paths)
        self._changes = _changes(self.paths, debounce_ms)
        self._first = asyncio.ensure_future(anext(self._changes))
        self._is_first = True

    @property
    def has_begun(self) -> bool:
        """Whether what happens from now on is told, or it could not begin."""
        return self._first.done()

    async def next(self) -> frozenset[str]:
        """Return what has changed, perhaps nothing, after a moment at most.

        Raises:
            Exception: It cannot be watched any more, as its library says it.
        """
        if self._is_first:
            self._is_first = False
            return await self._first
        return await anext(self._changes)

    async def close(self) -> None:
        """Watch no more."""
        self._first.cancel()
        await asyncio.wait({self._first})
        if not self._first.cancelled():
            self._first.exception()  # which nobody need be told any more
        await self._changes.aclose()


async def _changes(paths: Iterable[str], debounce_ms: int) -> AsyncGenerator[frozenset[str]]:
    stop = Event()
    found = watch(
        *paths,
        watch_filter=None,
        debounce=debounce_ms,
        step=max(MIN_STEP_MS, debounce_ms // STEPS),
        rust_timeout=TICK_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
        raise_interrupt=False,
        stop_event=stop,
    )
    following = partial(next, found, None)
    try:
        while (some := await to_thread.run_sync(following, abandon_on_cancel=True)) is not None:
            yield frozenset(path for _, path in some)
    finally:
        stop.set()
