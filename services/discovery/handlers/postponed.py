"""Which sources have a newer content that waits until the version before it has ended."""

import asyncio
from collections.abc import Iterable

from services.discovery.domain.sources import SourceStat


class Postponed:
    """Sources to be looked at again, each when what is on its way of it has arrived or died.

    It knows nothing after a restart, and need not: then everything is looked at.
    """

    def __init__(self) -> None:
        self._paths: dict[str, set[str]] = {}
        """What is looked at when the version of a source has ended."""
        self._ended: set[str] = set()
        self._has_ended = asyncio.Event()

    def wait(self, stat: SourceStat, *, on: str | None = None) -> None:
        """Have a source looked at when its version has ended, or that of another one."""
        self._paths.setdefault(on or stat.source_id, set()).add(stat.path)

    def look_again(self, stat: SourceStat) -> None:
        """Have a source looked at soon."""
        self._ended.add(stat.path)
        self._has_ended.set()

    def is_waited_for(self, source_id: str) -> bool:
        """Tell whether something is looked at when this source's version has ended."""
        return source_id in self._paths

    def end(self, source_ids: Iterable[str]) -> None:
        """Note that versions of sources have ended, whether or not anything waits for that."""
        for one in source_ids:
            if paths := self._paths.pop(one, None):
                self._ended |= paths
                self._has_ended.set()

    async def take(self) -> frozenset[str]:
        """Wait until there is anything to look at; return the paths."""
        await self._has_ended.wait()
        self._has_ended.clear()
        paths, self._ended = frozenset(self._ended), set()
        return paths
