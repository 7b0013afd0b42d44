"""Which sources have a newer content that waits until the version before it has ended."""

import asyncio
from collections.abc import Iterable

from services.discovery.domain.sources import SourceStat


class Postponed:
    """Sources to be looked at again, each when what is on its way of it has arrived or died.

    It knows nothing after a restart, and need not: then everything is looked at.
    """

    def __init__(self) -> None:
        self._paths: dict[str, str] = {}
        self._ended: set[str] = set()
        self._has_ended = asyncio.Event()

    def wait(self, stat: SourceStat) -> None:
        """Have a source looked at when its version has ended."""
        self._paths[stat.source_id] = stat.path

    def end(self, source_ids: Iterable[str]) -> None:
        """Note that versions of sources have ended, whether or not anything waits for that."""
        ended = {self._paths.pop(one) for one in source_ids if one in self._paths}
        if ended:
            self._ended |= ended
            self._has_ended.set()

    async def take(self) -> frozenset[str]:
        """Wait until there is anything to look at; return the paths."""
        await self._has_ended.wait()
        self._has_ended.clear()
        paths, self._ended = frozenset(self._ended), set()
        return paths
