"""Sources that are files in folders."""

import hashlib
import os
import posixpath
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from anyio import to_thread

from services.discovery.adapters.folder_links import RealPaths
from services.discovery.adapters.folder_listing import (
    Listed,
    Root,
    list_changed,
    list_root,
    would_list,
)
from services.discovery.adapters.folder_overlap import require_disjoint, require_elsewhere
from services.discovery.adapters.folder_own_places import OwnAround, OwnPlaces
from services.discovery.adapters.folder_roots import Roots
from services.discovery.adapters.folder_source_file import SourceFile
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import FolderUnreadable, SourceStat, display_name
from services.discovery.ports import SourceFormat
from shared.clock import Clock, SystemClock
from shared.errors import ConfigurationError

LISTED_AT_ONCE = 256
NOT_ALLOWED = "it does not lie, or lies no more, where ingestion.allowed_roots lets it"
HASHED_AT_ONCE = 16 << 20
"""How much one turn of a thread reads; between two turns the reading can be cancelled."""


class FolderSourceRepository:
    """Finds and reads the files of some roots."""

    def __init__(
        self,
        roots: Sequence[Root],
        *,
        own: Sequence[Path] = (),
        output: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Take what to read.

        Args:
            roots: Folders and files.
            own: Folders that only the program writes: nothing in them is a source.
            output: The folder around them; nothing in it is one, unless a root lies there.
            clock: Tells how long a file has been left alone.
        """
        self._output = output
        self._clock = clock or SystemClock()
        self._roots = Roots()
        self._own = tuple(own)
        for root in roots:
            self.add(root)

    def add(self, root: Root) -> None:
        """Read one more from now on."""
        self._roots.add(root)

    def remove(self, collection: str) -> None:
        """Read nothing of a collection any more, of which nothing is in hand."""
        self._roots.remove(collection)

    def near(self, root: Root) -> Sequence[Root]:
        """Return what is read at, above or below a root, links followed."""
        return self._roots.near({root.base, posixpath.realpath(root.base)})

    @property
    def watched_paths(self) -> tuple[str, ...]:
        """What a trigger has to watch."""
        return tuple(dict.fromkeys(root.base for root in self._roots.all))

    async def check(self) -> None:
        """See SourceRepository."""
        roots = self._roots.all
        for root in roots:
            await to_thread.run_sync(_check, root)
        await to_thread.run_sync(require_disjoint, roots)
        await to_thread.run_sync(require_elsewhere, roots, self._own)

    async def collections_at(self, paths: frozenset[str]) -> set[str]:
        """See SourceRepository."""
        return {root.collection for root in self._roots.near(map(posixpath.abspath, paths))}

    async def list_sources(
        self, changed: frozenset[str] | None = None, *, collection: str | None = None
    ) -> AsyncGenerator[Listed]:
        """See SourceRepository."""
        roots = self._roots.all if collection is None else self._roots.of(collection)
        found = self._list(roots, changed)
        while some := await to_thread.run_sync(_take, found):
            for listed in some:
                yield listed

    async def glance(self, collections: Sequence[str]) -> Mapping[str, bytes]:
        """See SourceRepository."""
        return await to_thread.run_sync(self._glance, collections)

    def root_of(self, path: str) -> str | None:
        """See SourceRepository."""
        near = self._roots.near((path,))
        return next((display_name(one.base) for one in near if would_list(one, path)), None)

    def format_of(self, stat: SourceStat) -> SourceFormat:
        """See SourceRepository."""
        return self._roots[stat.root].format

    async def why_waiting(self, stat: SourceStat) -> WhyIncomplete | None:
        """See SourceRepository."""
        completion = self._roots[stat.root].completion
        if completion.when == "unchanged":
            return completion.why_too_young(stat.ctime_ns, self._clock.now())
        if completion.when == "sidecar":
            beside = stat.path + completion.sidecar
            return None if await to_thread.run_sync(os.path.exists, beside) else "no_sidecar"
        return None

    async def fingerprint(self, stat: SourceStat, part_at: int = 0) -> ContentHash:
        """See SourceRepository."""
        return await fingerprint_of(SourceFile(stat), part_at)

    def open(self, stat: SourceStat, start: int = 0) -> SourceFile:
        """See SourceRepository."""
        return SourceFile(stat, start)

    def _glance(self, collections: Sequence[str]) -> Mapping[str, bytes]:
        around, real_paths, told = self._own_places(), RealPaths(), {}
        for name in collections:
            digest = hashlib.blake2b(digest_size=16)
            for listed in self._list(self._roots.of(name), None, around, real_paths):
                digest.update(repr(listed).encode("utf-8", "surrogateescape"))
            told[name] = digest.digest()
        return told

    def _own_places(self) -> OwnAround:
        return OwnAround.find(self._own, self._output)

    def _list(
        self,
        roots: Sequence[Root],
        changed: frozenset[str] | None,
        around: OwnAround | None = None,
        glanced: RealPaths | None = None,
    ) -> Iterator[Listed]:
        around = around or self._own_places()
        own = around.of((glanced or RealPaths()).of(root.base) for root in roots)
        seen: set[tuple[str, str]] = set()
        for root in roots:
            # A look may take long, and what leads out meanwhile must not be read: links anew.
            real_paths = glanced or RealPaths()
            if changed is None:
                self._roots.follow_links(root, real_paths)
            for listed in _list_one(root, changed, own, real_paths):
                key = (listed.collection, listed.path)
                if key not in seen:
                    seen.add(key)
                    yield listed


async def fingerprint_of(file: SourceFile, part_at: int) -> ContentHash:
    """Hash a file; see SourceRepository.fingerprint, also for what it raises."""
    begin, rest = None, hashlib.sha256()
    try:
        while file.position < part_at:
            left = part_at - file.position
            await to_thread.run_sync(file.read, min(HASHED_AT_ONCE, left))
        if part_at:
            begin = file.digest
        while not await to_thread.run_sync(_hash_more, file, rest if part_at else None):
            pass
    finally:
        file.close()
    return ContentHash(file.digest, begin, rest.hexdigest() if part_at else "")


def _hash_more(file: SourceFile, also: "hashlib._Hash | None") -> bool:
    """Hash the next bytes, and tell whether they are the last."""
    piece = file.read(HASHED_AT_ONCE)
    if also is not None:
        also.update(piece)
    return file.is_at_end


def _take(found: Iterator[Listed]) -> list[Listed]:
    return list(islice(found, LISTED_AT_ONCE))


def _list_one(
    root: Root, changed: frozenset[str] | None, own: OwnPlaces, real_paths: RealPaths
) -> Iterator[Listed]:
    if not root.is_allowed(real_paths):
        yield FolderUnreadable(root.collection, display_name(root.base), NOT_ALLOWED)
        return
    if changed is None:
        yield from list_root(root, own)
        return
    if root.completion.when == "sidecar":
        # What changed is the file beside a source: then that is to be looked at.
        ending = root.completion.sidecar
        changed |= {path.removesuffix(ending) for path in changed if path.endswith(ending)}
    for path in sorted(changed):
        yield from list_changed(root, posixpath.abspath(path), own)


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
