"""Looks at what the operating system says has changed, and at everything now and then."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import anyio
from watchfiles import awatch

from services.discovery.domain.sources import display_name
from shared.errors import first_leaf

TICK_MS = 500
"""How often the watcher gives the word back, to see whether it is time for a full look."""
STEPS = 4
"""A burst of changes is over when nothing happens for this part of the debounce time."""
MIN_STEP_MS = 10
RENEWED_AT_MOST_S = 2.0
"""Between two watches while folders are added one by one: each begins with a full look."""
PAUSES = 2.5
"""After the watcher failed at a change, so many times the debounce time: it may fail at the next
one, too, and a full look costs."""


class WatchTrigger:
    """Says to look at changed paths, and at everything at start and every so many seconds.

    The full look covers what a watch can miss: network file systems, folders that are replaced,
    overflowing kernel queues. The watch is made anew each time, so that it covers roots that came
    or were replaced; where there can be no watch, the full looks remain.
    """

    def __init__(
        self,
        paths: Callable[[], Sequence[str]],
        *,
        debounce_ms: int,
        rescan_interval_s: float,
        on_degraded: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        """Take what to watch.

        Args:
            paths: Gives the folders (with all below them) and files; other ones after ``renew``.
            debounce_ms: A burst of changes is one signal after at most this time.
            rescan_interval_s: Time between two full looks.
            on_degraded: Called with the reason when something cannot be watched for now, again
                when the reason is another one, and with nothing when all is watched again.
        """
        self._asked = paths
        self._renewed = anyio.Event()
        self._debounce_ms = debounce_ms
        self._rescan_interval_s = rescan_interval_s
        self._on_degraded = on_degraded
        self._told = ""
        self._is_watching = False

    @property
    def _paths(self) -> Sequence[str]:
        return self._asked()

    def renew(self) -> None:
        """See Trigger."""
        self._renewed.set()

    async def signals(self) -> AsyncGenerator[frozenset[str] | None]:
        """See Trigger."""
        yield None
        while True:
            deadline = anyio.current_time() + self._rescan_interval_s
            self._is_watching = False
            self._renewed = anyio.Event()
            try:
                async with aclosing(self._watch(deadline)) as watched:
                    async for changed in watched:
                        yield changed
            except Exception as error:  # noqa: BLE001  whatever ails the watcher: the looks remain
                self._tell(f"cannot watch {_shown(self._paths)}: {_explained(error)}")
                pause_s = (
                    PAUSES * self._debounce_ms / 1000
                    if self._is_watching
                    else self._rescan_interval_s
                )
                with anyio.move_on_after(min(pause_s, self._rescan_interval_s)):
                    await self._renewed.wait()
                yield None

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._on_degraded(reason)
        self._told = reason

    async def _sort_out(self) -> tuple[list[str], str]:
        """Return what can be watched, and tell and return what cannot."""
        present = [path for path in self._paths if await anyio.Path(path).exists()]
        watchable = [path for path in present if _is_utf8(path)]
        if not present:
            raise FileNotFoundError("there is nothing")
        if not watchable:
            raise ValueError("the watcher takes no names that are no UTF-8")
        others = _shown([path for path in self._paths if path not in watchable])
        if others:
            self._tell(f"cannot watch what is not there or has a name that is no UTF-8: {others}")
        return watchable, others

    async def _watch(self, deadline: float) -> AsyncGenerator[frozenset[str] | None]:
        renewable_s = anyio.current_time() + RENEWED_AT_MOST_S
        watchable, others = await self._sort_out()
        watcher = awatch(
            *watchable,
            watch_filter=None,
            debounce=self._debounce_ms,
            step=max(MIN_STEP_MS, self._debounce_ms // STEPS),
            rust_timeout=TICK_MS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        async with aclosing(watcher) as watched:
            async for changes in watched:
                if not self._is_watching:
                    # Only now is it sure that the watch began: look for what came before.
                    self._is_watching = True
                    if not others:
                        self._tell("")
                    yield None
                elif changes:
                    yield frozenset(path for _, path in changes)
                now_s = anyio.current_time()
                if now_s >= (renewable_s if self._renewed.is_set() else deadline):
                    return


def _is_utf8(path: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in path)


def _shown(paths: Sequence[str]) -> str:
    return ", ".join(map(display_name, paths))


def _explained(error: Exception) -> str:
    """Say what went wrong; of a group, what the first of its errors says."""
    first = first_leaf(error)
    return str(first).encode("utf-8", "backslashreplace").decode() or type(first).__name__
