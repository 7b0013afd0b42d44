"""Looks at what the operating system says has changed, and at everything now and then."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing

import anyio
from anyio import to_thread

from services.discovery.adapters.folder_watch import FolderWatch
from services.discovery.domain.sources import display_name
from shared.errors import first_leaf

RENEWED_AT_MOST_S = 2.0
"""Between two watches while folders are added one by one: each goes through all of them."""
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
        asked = self._paths
        present = await to_thread.run_sync(_present, asked)
        watchable = [path for path in present if _is_utf8(path)]
        if not present:
            raise FileNotFoundError("there is nothing")
        if not watchable:
            raise ValueError("the watcher takes no names that are no UTF-8")
        watched = frozenset(watchable)
        others = _shown([path for path in asked if path not in watched])
        if others:
            self._tell(f"cannot watch what is not there or has a name that is no UTF-8: {others}")
        return watchable, others

    async def _watch(self, deadline: float) -> AsyncGenerator[frozenset[str] | None]:
        """Watch until a time; when the paths are others by then, go over to another watch."""
        async with aclosing(_Watches(self._begin)) as watches:
            await watches.begin()
            while anyio.current_time() < deadline or watches.are_two:
                if self._renewed.is_set() and watches.may_go_on:
                    self._renewed = anyio.Event()
                    await watches.go_on()
                changed = await watches.next()
                if not watches.others:
                    self._tell("")
                if not self._is_watching:
                    # Only now is it sure that the watch began: look for what came before.
                    self._is_watching = True
                    yield None
                elif changed:
                    yield changed

    async def _begin(self) -> tuple[FolderWatch, str]:
        watchable, others = await self._sort_out()
        return FolderWatch(watchable, self._debounce_ms), others


class _Watches:
    """One watch, or two while the second begins: so nothing is missed, and nothing looked at.

    A watch of all begins anew with each folder that comes: it is the only way to add one. What is
    told of new folders is that they are there, since something may have come before their watch.
    """

    def __init__(self, begin: Callable[[], Awaitable[tuple[FolderWatch, str]]]) -> None:
        self._begin = begin
        self._now: FolderWatch | None = None
        self._next: FolderWatch | None = None
        self._has_begun = False
        self._began_s = 0.0
        self.others = ""
        """What cannot be watched."""
        self._others_next = ""

    @property
    def are_two(self) -> bool:
        """Whether one takes the place of another."""
        return self._next is not None

    @property
    def may_go_on(self) -> bool:
        """Whether it is time for another watch, if the paths are others."""
        return not self.are_two and anyio.current_time() >= self._began_s + RENEWED_AT_MOST_S

    async def begin(self) -> None:
        """Begin."""
        self._now, self.others = await self._begin()
        self._began_s = anyio.current_time()

    async def go_on(self) -> None:
        """Begin with another watch beside this one."""
        self._next, self._others_next = await self._begin()
        self._has_begun = False
        self._began_s = anyio.current_time()

    async def next(self) -> frozenset[str]:
        """Return what has changed, after a moment at most."""
        assert self._now is not None, "it was begun"  # noqa: S101
        changed = await self._now.next()
        if self._next is None:
            return changed
        if not self._has_begun:
            self._has_begun = self._next.has_begun
            return changed
        # What happened before the next one began has been told by this one by now.
        before, self._now, self._next = self._now, self._next, None
        self.others = self._others_next
        await before.close()
        return changed | (self._now.paths - before.paths)

    async def aclose(self) -> None:
        """Watch no more."""
        for one in (self._next, self._now):
            if one is not None:
                await one.close()


def _present(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if os.path.exists(path)]  # noqa: PTH110  plain strings


def _is_utf8(path: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in path)


def _shown(paths: Sequence[str]) -> str:
    return ", ".join(map(display_name, paths))


def _explained(error: Exception) -> str:
    """Say what went wrong; of a group, what the first of its errors says."""
    first = first_leaf(error)
    return str(first).encode("utf-8", "backslashreplace").decode() or type(first).__name__
