"""Sources that were uploaded, beside those of folders."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing

from services.discovery.adapters.folder_source_file import SourceFile
from services.discovery.adapters.folder_source_repository import (
    FolderSourceRepository,
    fingerprint_of,
)
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import SourceStat
from services.discovery.domain.uploads import UploadedFile, collections_of, is_uploaded
from services.discovery.ports import (
    Listed,
    SourceFormat,
    SourceUnreadableError,
    SourceVanishedError,
)
from shared.blobs.ports import Blobs

BuildFormat = Callable[[UploadedFile | None], SourceFormat]
"""Makes how a file is read; None: one that is there no more."""


class UploadedSources:
    """The uploaded files, each by its name; see the port ``UploadedFiles``."""

    def __init__(self) -> None:
        self._at: dict[str, UploadedFile] = {}
        self._of: dict[str, dict[str, UploadedFile]] = {}

    def put(self, file: UploadedFile) -> None:
        """See UploadedFiles."""
        self._at[file.path] = file
        self._of.setdefault(file.collection, {})[file.source_id] = file

    def drop(self, collection: str, source_id: str) -> UploadedFile | None:
        """See UploadedFiles."""
        file = self._of.get(collection, {}).pop(source_id, None)
        if file is not None:
            del self._at[file.path]
        return file

    def find(self, collection: str, source_id: str) -> UploadedFile | None:
        """See UploadedFiles."""
        return self._of.get(collection, {}).get(source_id)

    def of(self, collection: str | None = None) -> Sequence[UploadedFile]:
        """See UploadedFiles."""
        found = self._at if collection is None else self._of.get(collection, {})
        return [*found.values()]

    def at(self, path: str) -> UploadedFile | None:
        """Return the one of a path."""
        return self._at.get(path)


class AllSources:
    """A SourceRepository of folders, and of what was uploaded."""

    def __init__(
        self,
        folders: FolderSourceRepository,
        uploads: UploadedSources,
        blobs: Blobs,
        build_format: BuildFormat,
    ) -> None:
        """Take where they are, and how those are read that were uploaded."""
        self.folders = folders
        self.uploads = uploads
        self._blobs = blobs
        self._build_format = build_format

    async def check(self) -> None:
        """See SourceRepository."""
        await self.folders.check()

    async def collections_at(self, paths: frozenset[str]) -> set[str]:
        """See SourceRepository."""
        others = frozenset(one for one in paths if not is_uploaded(one))
        found = await self.folders.collections_at(others) if others else set()
        return found | collections_of(paths)

    async def list_sources(
        self, changed: frozenset[str] | None = None, *, collection: str | None = None
    ) -> AsyncGenerator[Listed]:
        """See SourceRepository."""
        for file in sorted(self.uploads.of(collection), key=lambda one: one.path):
            if changed is None or file.path in changed:
                yield file.stat()
        if changed is not None:
            changed = frozenset(one for one in changed if not is_uploaded(one))
        if changed is None or changed:
            async with aclosing(
                self.folders.list_sources(changed, collection=collection)
            ) as listed:
                async for one in listed:
                    yield one

    async def glance(self, collections: Sequence[str]) -> Mapping[str, bytes]:
        """See SourceRepository."""
        told = await self.folders.glance(collections)
        return {name: self._with_uploads(name, seen) for name, seen in told.items()}

    def _with_uploads(self, collection: str, seen: bytes) -> bytes:
        digest = hashlib.blake2b(seen, digest_size=16)
        for file in sorted(self.uploads.of(collection), key=lambda one: one.path):
            digest.update(repr(file.stat()).encode("utf-8", "surrogateescape"))
        return digest.digest()

    def root_of(self, path: str) -> str | None:
        """See SourceRepository; what was uploaded goes by command only."""
        return None if is_uploaded(path) else self.folders.root_of(path)

    def format_of(self, stat: SourceStat) -> SourceFormat:
        """See SourceRepository."""
        if not is_uploaded(stat.path):
            return self.folders.format_of(stat)
        return self._build_format(self.uploads.at(stat.path))

    async def why_waiting(self, stat: SourceStat) -> WhyIncomplete | None:
        """See SourceRepository; what was uploaded is whole."""
        return None if is_uploaded(stat.path) else await self.folders.why_waiting(stat)

    async def fingerprint(self, stat: SourceStat, part_at: int = 0) -> ContentHash:
        """See SourceRepository."""
        return await fingerprint_of(self.open(stat), part_at)

    def open(self, stat: SourceStat, start: int = 0) -> SourceFile:
        """See SourceRepository."""
        if not is_uploaded(stat.path):
            return self.folders.open(stat, start)
        file = self.uploads.at(stat.path)
        if file is None or file.stat().inode != stat.inode:
            return SourceFile(stat, start, at="")  # removed, or replaced, since it was listed
        return _BlobFile(stat, start, self._blobs, file.blob)


class _BlobFile(SourceFile):
    """A file that nobody but this program may have taken away."""

    def __init__(self, stat: SourceStat, start: int, blobs: Blobs, blob: str) -> None:
        """Take what was listed, and which bytes of which place it has."""
        super().__init__(stat, start, at="")
        self._blobs = blobs
        self._blob = blob

    def _open(self) -> int:
        """Open it; see SourceFile.

        Raises:
            SourceUnreadableError: It cannot be opened, or is not there.
            BlobsUnusableError: The place of all blobs is away.
        """
        if self._fd is not None:
            return self._fd
        try:
            with self._blobs.reading(self._blob) as path:
                self._at = str(path)
                return super()._open()
        except (FileNotFoundError, SourceVanishedError) as error:
            raise SourceUnreadableError(
                f"{self.name}: its bytes are not where uploaded files are kept; upload it again"
            ) from error
