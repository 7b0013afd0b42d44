"""Sources that are files in folders."""

import hashlib
import os
import posixpath
from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import islice
from pathlib import Path

import orjson
from anyio import to_thread

from services.discovery.adapters.folder_listing import (
    Listed,
    Root,
    list_changed,
    list_root,
    would_list,
)
from services.discovery.adapters.folder_overlap import require_disjoint, require_elsewhere
from services.discovery.adapters.folder_own_places import OwnPlaces
from services.discovery.adapters.folder_source_file import SourceFile
from services.discovery.domain.completeness import WhyIncomplete, why_incomplete
from services.discovery.domain.lines import Line, LineSplitter, OversizedLine
from services.discovery.domain.sources import SourceStat, display_name
from services.discovery.ports import SourceChangedError
from shared.errors import ConfigurationError

LISTED_AT_ONCE = 256
BLOCK_BYTES = 1 << 20
HASHED_AT_ONCE = 16 << 20
"""How much one turn of a thread reads; between two turns the reading can be cancelled."""


class FolderSourceRepository:
    """Finds and reads the files of some roots."""

    def __init__(
        self,
        roots: Sequence[Root],
        *,
        max_line_bytes: int,
        own: Sequence[Path] = (),
        output: Path | None = None,
    ) -> None:
        """Take what to read.

        Args:
            roots: Folders and files.
            max_line_bytes: A longer line is not held in memory.
            own: Folders that only the program writes: nothing in them is a source.
            output: The folder around them; nothing in it is one, unless a root lies there.
        """
        self._output = output
        self._roots = tuple(roots)
        self._own = tuple(own)
        self._max_line_bytes = max_line_bytes

    @property
    def watched_paths(self) -> tuple[str, ...]:
        """What a trigger has to watch."""
        return tuple(dict.fromkeys(root.base for root in self._roots))

    async def check(self) -> None:
        """See SourceRepository."""
        for root in self._roots:
            await to_thread.run_sync(_check, root)
        await to_thread.run_sync(require_disjoint, self._roots)
        await to_thread.run_sync(require_elsewhere, self._roots, self._own)

    async def list_sources(self, changed: frozenset[str] | None = None) -> AsyncGenerator[Listed]:
        """See SourceRepository."""
        found = self._list(changed)
        while some := await to_thread.run_sync(_take, found):
            for listed in some:
                yield listed

    def root_of(self, path: str) -> str | None:
        """See SourceRepository."""
        return next((display_name(one.base) for one in self._roots if would_list(one, path)), None)

    async def why_incomplete(self, stat: SourceStat) -> WhyIncomplete | None:
        """See SourceRepository."""
        return await to_thread.run_sync(_why_incomplete, stat, self._max_line_bytes)

    async def fingerprint(self, stat: SourceStat) -> str:
        """See SourceRepository."""
        digest = hashlib.sha256()
        file = SourceFile(stat)
        try:
            while await to_thread.run_sync(_hash_more, file, digest):
                pass
        finally:
            file.close()
        return digest.hexdigest()

    async def read_lines(
        self, stat: SourceStat, fingerprint: str | None
    ) -> AsyncGenerator[Sequence[Line | OversizedLine]]:
        """See SourceRepository."""
        splitter = LineSplitter(self._max_line_bytes)
        digest = hashlib.sha256()
        file = SourceFile(stat)
        try:
            while True:
                lines = await to_thread.run_sync(_read_lines, file, splitter, digest)
                if lines is None:
                    break
                yield lines
                if file.is_at_end:
                    break
        finally:
            file.close()
        if rest := splitter.finish():
            yield rest
        if fingerprint not in (None, digest.hexdigest()):
            raise SourceChangedError(f"{display_name(stat.path)} was changed while it was read")

    def _list(self, changed: frozenset[str] | None) -> Iterator[Listed]:
        own = OwnPlaces.find(self._own, self._output, [root.base for root in self._roots])
        seen: set[tuple[str, str]] = set()
        for root in self._roots:
            for listed in _list_one(root, changed, own):
                key = (listed.collection, listed.path)
                if key not in seen:
                    seen.add(key)
                    yield listed


def _take(found: Iterator[Listed]) -> list[Listed]:
    return list(islice(found, LISTED_AT_ONCE))


def _list_one(root: Root, changed: frozenset[str] | None, own: OwnPlaces) -> Iterator[Listed]:
    if changed is None:
        yield from list_root(root, own)
        return
    for path in sorted(changed):
        yield from list_changed(root, posixpath.abspath(path), own)


def _read_lines(
    file: SourceFile, splitter: LineSplitter, digest: "hashlib._Hash"
) -> list[Line | OversizedLine] | None:
    piece = file.read(BLOCK_BYTES)
    digest.update(piece)
    return splitter.feed(piece) if piece else None


def _hash_more(file: SourceFile, digest: "hashlib._Hash") -> bool:
    piece = file.read(HASHED_AT_ONCE)
    digest.update(piece)
    return not file.is_at_end


def _why_incomplete(stat: SourceStat, max_line_bytes: int) -> WhyIncomplete | None:
    file = SourceFile(stat)
    try:
        return why_incomplete(file.read_last_line(max_line_bytes), orjson.loads)
    finally:
        file.close()


def _check(root: Root) -> None:
    path = display_name(root.base)
    try:
        if root.path.is_file():
            root.path.open("rb").close()
        else:
            os.scandir(root.base).close()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"ingestion.sources: {path} does not exist; correct the path, or make the folder"
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"ingestion.sources: {path} cannot be read: {error.strerror}; it must be a folder or "
            "file that the user who runs discovery may read"
        ) from error
