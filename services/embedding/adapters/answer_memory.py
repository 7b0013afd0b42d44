"""How much memory the answers of an embedding server may take, all that are awaited together."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

SHARE = 4
"""A quarter of what is free is for answers; the rest is for batches, and for whoever is beside."""
LEAST = 1 << 20
CGROUPS = Path("/sys/fs/cgroup")


class AnswerMemory:
    """A number of bytes, of which each request takes what its answer may need, in turn."""

    def __init__(self, total: int) -> None:
        self.total = max(total, LEAST)
        self._free = self.total
        self._freed = asyncio.Event()
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def taken(self, wanted: int) -> AsyncIterator[int]:
        """Wait for so many bytes and hold them until the block ends.

        Yields:
            How many there are: all of them if more is wanted than there is.
        """
        granted = min(wanted, self.total)
        async with self._turn:  # in turn: who wants much is not passed by for ever
            while self._free < granted:
                self._freed.clear()
                await self._freed.wait()
            self._free -= granted
        try:
            yield granted
        finally:
            self._free += granted
            self._freed.set()


def memory_for_answers() -> int:
    """Return the bytes that answers may take, by what this process may have and has already."""
    return min(limit - used for limit, used in _limits()) // SHARE


def _limits() -> Iterator[tuple[int, int]]:
    """List every limit of memory that holds for this process, and what counts against it."""
    page = os.sysconf("SC_PAGE_SIZE")
    resident, virtual = 0, 0
    with suppress(OSError, ValueError):
        pages = Path("/proc/self/statm").read_text().split()
        virtual, resident = int(pages[0]) * page, int(pages[1]) * page
    yield os.sysconf("SC_PHYS_PAGES") * page, resident
    for kind, used in ((resource.RLIMIT_AS, virtual), (resource.RLIMIT_DATA, resident)):
        soft = resource.getrlimit(kind)[0]
        if soft != resource.RLIM_INFINITY:
            yield soft, used
    for limit in cgroup_limits(Path("/proc/self/cgroup"), CGROUPS):
        yield limit, resident


def cgroup_limits(own: Path, root: Path) -> Iterator[int]:
    """List the limits of the control groups that a process is in, of version 1 and 2.

    Args:
        own: The file that names the groups.
        root: Where their folders are.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, kinds, name = line.split(":", 2)
        if kinds == "":
            top, file = root, "memory.max"
        elif "memory" in kinds.split(","):
            top, file = root / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = top / name.strip("/")
        # Within a container the name may be the one outside: then only the root is there.
        for folder in (group, *group.parents):
            with suppress(OSError, ValueError):
                yield int((folder / file).read_text())
            if folder == top:
                break
