"""Sources in memory."""

import hashlib
from collections.abc import AsyncGenerator, Sequence

from services.discovery.domain.completeness import WhyIncomplete, why_incomplete
from services.discovery.domain.entries import parse_line
from services.discovery.domain.lines import Line, LineSplitter, OversizedLine
from services.discovery.domain.sources import FolderUnreadable, SourceStat
from services.discovery.ports import SourceChangedError, SourceUnreadableError, SourceVanishedError
from shared.errors import ConfigurationError

ROOT = "/fake"


class FakeSourceRepository:
    """Holds contents by filename. ``unreadable`` names those that refuse to be opened, and
    ``becomes`` what a content turns into as soon as it is read."""

    def __init__(self, *, collection: str = "default", max_line_bytes: int = 1 << 20) -> None:
        self.collection = collection
        self.max_line_bytes = max_line_bytes
        self.portion_bytes = 100
        self.contents: dict[str, tuple[bytes, int]] = {}
        self.unreadable: set[str] = set()
        self.unlisted: list[FolderUnreadable] = []
        self.becomes: dict[str, bytes] = {}
        self.extra: list[SourceStat] = []
        self.opened: list[str] = []
        self.is_there = True
        self._time = 0

    def put(self, filename: str, content: bytes) -> None:
        self._time += 1
        self.contents[filename] = (content, self._time)

    def touch(self, filename: str) -> None:
        self.put(filename, self.contents[filename][0])

    def remove(self, filename: str) -> None:
        del self.contents[filename]

    def path(self, filename: str) -> str:
        return f"{ROOT}/{filename}"

    def stat(self, filename: str) -> SourceStat:
        content, time = self.contents[filename]
        return SourceStat(self.collection, filename, self.path(filename), len(content), time)

    async def check(self) -> None:
        if not self.is_there:
            raise ConfigurationError(f"{ROOT} does not exist; make the folder")

    async def list_sources(
        self, changed: frozenset[str] | None = None
    ) -> AsyncGenerator[SourceStat | FolderUnreadable, None]:
        for problem in self.unlisted:
            yield problem
        for filename in sorted(self.contents):
            path = self.path(filename)
            if changed is None or any(f"{path}/".startswith(f"{at}/") for at in changed):
                yield self.stat(filename)
        for stat in self.extra:
            yield stat

    def root_of(self, path: str) -> str | None:
        return ROOT if path.startswith(f"{ROOT}/") else None

    async def why_incomplete(self, stat: SourceStat) -> WhyIncomplete | None:
        content = self._open(stat)
        splitter = LineSplitter(self.max_line_bytes)
        lines = [*splitter.feed(content), *splitter.finish()]
        last = next((line for line in reversed(lines) if any(parse_line(line))), None)
        if isinstance(last, OversizedLine):
            raise SourceUnreadableError(f"{stat.path}: its last line is too long")
        return why_incomplete(last)

    async def fingerprint(self, stat: SourceStat) -> str:
        return hashlib.sha256(self._open(stat)).hexdigest()

    async def read_lines(
        self, stat: SourceStat, fingerprint: str | None
    ) -> AsyncGenerator[Sequence[Line | OversizedLine], None]:
        if stat.filename in self.becomes:
            self.put(stat.filename, self.becomes.pop(stat.filename))
        content = self._open(stat)
        splitter = LineSplitter(self.max_line_bytes)
        for start in range(0, len(content), self.portion_bytes):
            yield splitter.feed(content[start : start + self.portion_bytes])
        yield splitter.finish()
        if fingerprint not in (None, hashlib.sha256(content).hexdigest()):
            raise SourceChangedError(f"{stat.path} was changed while it was read")

    def _open(self, stat: SourceStat) -> bytes:
        self.opened.append(stat.filename)
        if stat.filename in self.unreadable:
            raise SourceUnreadableError(f"{stat.path} may not be read; make it readable")
        if stat.filename not in self.contents:
            raise SourceVanishedError(f"{stat.path} is not there any more")
        content = self.contents[stat.filename][0][: stat.size]
        if len(content) < stat.size:
            raise SourceChangedError(f"{stat.path} is shorter than it was")
        return content
