"""Sources in memory."""

import hashlib
from collections.abc import AsyncGenerator, Mapping, Sequence

from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import FolderUnreadable, SourceStat
from services.discovery.ports import (
    SourceChangedError,
    SourceFormat,
    SourceUnreadableError,
    SourceVanishedError,
)
from shared.errors import ConfigurationError
from tests.fakes.contents import FakeContent

ROOT = "/fake"


class FakeSourceRepository:
    """Holds contents by filename. ``unreadable`` names those that refuse to be opened, and
    ``becomes`` what a content turns into as soon as it is read."""

    def __init__(self, *, collection: str = "default", max_line_bytes: int = 1 << 20) -> None:
        self.collection = collection
        self.format: SourceFormat = agent_run_format(max_line_bytes)
        self.formats: dict[str, SourceFormat] = {}
        """Of those that are read otherwise."""
        self.waiting: dict[str, WhyIncomplete] = {}
        self.portion_bytes = 100
        self.contents: dict[str, tuple[bytes, int]] = {}
        self.inodes: dict[str, int] = {}
        self.unreadable: set[str] = set()
        self.unlisted: list[FolderUnreadable] = []
        self.becomes: dict[str, bytes] = {}
        self.extra: list[SourceStat] = []
        self.opened: list[str] = []
        self.is_there = True
        self.listed: list[str | None] = []
        """The collections that were looked at, but for glances."""
        self._time = 0

    def put(self, filename: str, content: bytes) -> None:
        self._time += 1
        self.contents[filename] = (content, self._time)
        self.inodes.setdefault(filename, self._time)

    def replace(self, filename: str, content: bytes) -> None:
        """Put another file in its place."""
        self.inodes.pop(filename, None)
        self.put(filename, content)

    def rename(self, filename: str, to: str) -> None:
        """Give a file another name; what had that is gone."""
        self.contents[to] = self.contents.pop(filename)
        self.inodes[to] = self.inodes.pop(filename)

    def touch(self, filename: str) -> None:
        self.put(filename, self.contents[filename][0])

    def remove(self, filename: str) -> None:
        del self.contents[filename], self.inodes[filename]

    def path(self, filename: str) -> str:
        return f"{ROOT}/{filename}"

    def stat(self, filename: str) -> SourceStat:
        content, time = self.contents[filename]
        path, inode = self.path(filename), self.inodes[filename]
        return SourceStat(self.collection, filename, path, len(content), time, inode=inode)

    async def check(self) -> None:
        if not self.is_there:
            raise ConfigurationError(f"{ROOT} does not exist; make the folder")

    async def collections_at(self, paths: frozenset[str]) -> set[str]:
        is_near = any(f"{at}/".startswith(f"{ROOT}/") for at in paths)
        names = {self.collection, *(one.collection for one in self.extra)}
        return names if is_near else set()

    async def list_sources(
        self, changed: frozenset[str] | None = None, *, collection: str | None = None
    ) -> AsyncGenerator[SourceStat | FolderUnreadable, None]:
        self.listed.append(collection)
        for problem in self.unlisted:
            if collection in (None, problem.collection):
                yield problem
        for filename in sorted(self.contents):
            path, stat = self.path(filename), self.stat(filename)
            if collection not in (None, stat.collection):
                continue
            if changed is None or any(f"{path}/".startswith(f"{at}/") for at in changed):
                yield stat
        for stat in self.extra:
            is_meant = changed is None or any(
                f"{stat.path}/".startswith(f"{at}/") for at in changed
            )
            if is_meant and collection in (None, stat.collection):
                yield stat

    async def glance(self, collections: Sequence[str]) -> Mapping[str, bytes]:
        told = {}
        for name in collections:
            told[name] = repr([one async for one in self.list_sources(collection=name)]).encode()
            self.listed.pop()
        return told

    def root_of(self, path: str) -> str | None:
        return ROOT if path.startswith(f"{ROOT}/") else None

    def format_of(self, stat: SourceStat) -> SourceFormat:
        return self.formats.get(stat.filename, self.format)

    async def why_waiting(self, stat: SourceStat) -> WhyIncomplete | None:
        return self.waiting.get(stat.filename)

    async def fingerprint(self, stat: SourceStat, part_at: int = 0) -> ContentHash:
        whole = self.take(stat)
        parts = [whole, whole[:part_at], whole[part_at:]]
        found, begin, rest = (hashlib.sha256(part).hexdigest() for part in parts)
        return ContentHash(found, begin, rest) if part_at else ContentHash(found)

    def open(self, stat: SourceStat, start: int = 0) -> FakeContent:
        return _Content(self, stat, start)

    def take(self, stat: SourceStat) -> bytes:
        self.opened.append(stat.filename)
        if stat.filename in self.unreadable:
            raise SourceUnreadableError(f"{stat.path} may not be read; make it readable")
        if stat.filename not in self.contents:
            raise SourceVanishedError(f"{stat.path} is not there any more")
        content = self.contents[stat.filename][0][: stat.size]
        if len(content) < stat.size:
            raise SourceChangedError(f"{stat.path} is shorter than it was")
        return content


class _Content(FakeContent):
    def __init__(self, repository: FakeSourceRepository, stat: SourceStat, start: int) -> None:
        self._repository, self._stat = repository, stat
        super().__init__(
            stat.path,
            stat.size - start,
            lambda: repository.take(stat)[start:],
            portion_bytes=repository.portion_bytes,
        )

    def read(self, size: int) -> bytes:
        becomes = self._repository.becomes.pop(self._stat.filename, None)
        if becomes is not None and not self.is_opened:
            self._repository.put(self._stat.filename, becomes)
        return super().read(size)
