"""Looks at what the operating system says has changed, and at everything now and then."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import anyio
from watchfiles import awatch

TICK_MS = 500
"""How often the watcher gives the word back, to see whether it is time for a full look."""
STEPS = 4
"""A burst of changes is over when nothing happens for this part of the debounce time."""
MIN_STEP_MS = 10


class WatchTrigger:
    """Says to look at changed paths, and at everything at start and every so many seconds.

    The full look covers what a watch can miss: network file systems, folders that are replaced,
    overflowing kernel queues. The watch is made anew each time, so that it covers roots that came
    or were replaced; where there can be no watch, the full looks remain.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        debounce_ms: int,
        rescan_interval_s: float,
        on_degraded: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        """Take what to watch.

        Args:
            paths: Folders (with all below them) and files.
            debounce_ms: A burst of changes is one signal after at most this time.
            rescan_interval_s: Time between two full looks.
            on_degraded: Called with the reason when something cannot be watched for now, and
                again when the reason is another one.
        """
        self._paths = tuple(paths)
        self._debounce_ms = debounce_ms
        self._rescan_interval_s = rescan_interval_s
        self._on_degraded = on_degraded
        self._told = ""

    async def signals(self) -> AsyncGenerator[frozenset[str] | None]:
        """See Trigger."""
        yield None
        while True:
            deadline = anyio.current_time() + self._rescan_interval_s
            try:
                async with aclosing(self._watch(deadline)) as watched:
                    async for changed in watched:
                        yield changed
            except OSError as error:
                self._tell(f"cannot watch {', '.join(self._paths)}: {error}")
                await anyio.sleep_until(deadline)
                yield None

    def _tell(self, reason: str) -> None:
        if reason and reason != self._told:
            self._on_degraded(reason)
        self._told = reason

    async def _watch(self, deadline: float) -> AsyncGenerator[frozenset[str] | None]:
        is_watching = False
        present = [path for path in self._paths if await anyio.Path(path).exists()]
        missing = [path for path in self._paths if path not in present]
        if not present:
            raise FileNotFoundError("there is nothing")
        self._tell(f"cannot watch what is not there: {', '.join(missing)}" if missing else "")
        watcher = awatch(
            *present,
            watch_filter=None,
            debounce=self._debounce_ms,
            step=max(MIN_STEP_MS, self._debounce_ms // STEPS),
            rust_timeout=TICK_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        async with aclosing(watcher) as watched:
            async for changes in watched:
                if not is_watching:
                    # Only now is it sure that the watch began: look for what came before.
                    is_watching = True
                    yield None
                elif changes:
                    yield frozenset(path for _, path in changes)
                if anyio.current_time() >= deadline:
                    return
