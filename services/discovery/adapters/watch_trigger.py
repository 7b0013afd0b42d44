"""Looks at what the operating system says has changed, and at everything now and then."""

import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import anyio
from anyio import to_thread

from services.discovery.adapters.folder_watch import FolderWatch
from services.discovery.domain.sources import display_name
from shared.errors import first_leaf

RENEWED_AT_MOST_S = 2.0
"""Between two watches while folders are added one by one: each goes through all of them."""
LOOKS = 10
"""Full looks until a watch is made anew without a reason that is known."""
PAUSES = 2.5
"""After the watcher failed at a change, so many times the debounce time: it may fail at the next
one, too, and a full look costs."""


class WatchTrigger:
    """Says to look at changed paths, and at everything at start and every so many seconds.

    The full look covers what a watch can miss: network file systems, folders that are replaced,
    overflowing kernel queues. The watch is made anew if a root came, went or was replaced since,
    and with every ``LOOKS`` full looks, for what was replaced below one; where there can be no
    watch, the full looks remain.
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
            self._is_watching = False
            self._renewed = anyio.Event()
            try:
                async with aclosing(self._watch()) as watched:
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

    def _sort_out(self, asked: Sequence[str], places: "_Places") -> tuple[list[str], str]:
        """Return what can be watched, and tell and return what cannot."""
        present = [path for path, place in zip(asked, places, strict=True) if place]
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

    async def _watch(self) -> AsyncGenerator[frozenset[str] | None]:
        """Watch until it is to be made anew; when the paths are others, go over to another."""
        deadline, looks = anyio.current_time() + self._rescan_interval_s, 0
        async with aclosing(_Watches(self._begin)) as watches:
            await watches.begin()
            while True:
                if anyio.current_time() >= deadline and not watches.are_two:
                    deadline, looks = anyio.current_time() + self._rescan_interval_s, looks + 1
                    if looks == LOOKS or await watches.are_replaced(self._paths):
                        return  # the next one begins with a look at everything
                    yield None
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

    async def _begin(self) -> "_Begun":
        asked = self._paths
        places = await to_thread.run_sync(_places, asked)
        watchable, others = self._sort_out(asked, places)
        return _Begun(FolderWatch(watchable, self._debounce_ms), places, others)


_Places = list[tuple[int, int] | None]
"""Device and inode of each path; None where nothing is."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """A watch, and what there was when it began."""

    watch: FolderWatch
    places: _Places
    others: str
    """What cannot be watched."""


class _Watches:
    """One watch, or two while the second begins: so nothing is missed, and nothing looked at.

    A watch of all begins anew with each folder that comes: it is the only way to add one. What is
    told of new folders is that they are there, since something may have come before their watch.
    """

    def __init__(self, begin: Callable[[], Awaitable[_Begun]]) -> None:
        self._begin = begin
        self._now: _Begun | None = None
        self._next: _Begun | None = None
        self._has_begun = False
        self._began_s = 0.0

    @property
    def others(self) -> str:
        """What cannot be watched."""
        return self._now.others if self._now else ""

    @property
    def are_two(self) -> bool:
        """Whether one takes the place of another."""
        return self._next is not None

    @property
    def may_go_on(self) -> bool:
        """Whether it is time for another watch, if the paths are others."""
        return not self.are_two and anyio.current_time() >= self._began_s + RENEWED_AT_MOST_S

    async def are_replaced(self, paths: Sequence[str]) -> bool:
        """Tell whether there is something else, or nothing, where there was something."""
        assert self._now is not None, "it was begun"  # noqa: S101
        return await to_thread.run_sync(_places, paths) != self._now.places

    async def begin(self) -> None:
        """Begin."""
        self._now = await self._begin()
        self._began_s = anyio.current_time()

    async def go_on(self) -> None:
        """Begin with another watch beside this one."""
        self._next = await self._begin()
        self._has_begun = False
        self._began_s = anyio.current_time()

    async def next(self) -> frozenset[str]:
        """Return what has changed, after a moment at most."""
        assert self._now is not None, "it was begun"  # noqa: S101
        changed = await self._now.watch.next()
        if self._next is None:
            return changed
        if not self._has_begun:
            self._has_begun = self._next.watch.has_begun
            return changed
        # What happened before the next one began has been told by this one by now.
        before, self._now, self._next = self._now.watch, self._next, None
        await before.close()
        return changed | (self._now.watch.paths - before.paths)

    async def aclose(self) -> None:
        """Watch no more."""
        for one in (self._next, self._now):
            if one is not None:
                await one.watch.close()


def _places(paths: Sequence[str]) -> _Places:
    return list(map(_place, paths))


def _place(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  plain strings
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _is_utf8(path: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in path)


def _shown(paths: Sequence[str]) -> str:
    return ", ".join(map(display_name, paths))


def _explained(error: Exception) -> str:
    """Say what went wrong; of a group, what the first of its errors says."""
    first = first_leaf(error)
    return str(first).encode("utf-8", "backslashreplace").decode() or type(first).__name__
