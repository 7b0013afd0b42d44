"""The folders that commands name: which may be read, and that they are."""

import os
import posixpath
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from anyio import to_thread

from services.discovery.adapters.folder_listing import Root, lies_below
from services.discovery.adapters.folder_overlap import overlapping
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.domain.sources import display_name
from services.discovery.ports import FolderRefusedError
from shared.contracts.collections import MAX_PATH, CollectionRecord, SourceFolder

BuildRoot = Callable[[str, SourceFolder], Root]
"""Makes what is read of a collection's name and one of its folders."""


class NamedRoots:
    """Has a repository read what commands name, as far as that is allowed."""

    def __init__(
        self,
        repository: FolderSourceRepository,
        build: BuildRoot,
        *,
        allowed: Iterable[Path],
        own: Sequence[Path],
    ) -> None:
        """Take what it needs.

        Args:
            repository: Reads them.
            build: Makes what is read of a folder.
            allowed: Below which folders they must lie.
            own: Folders that the program writes itself.
        """
        self._repository = repository
        self._build = build
        self._allowed = tuple(allowed)
        self._own = tuple(own)

    async def admit(
        self, collection: str, sources: Sequence[SourceFolder]
    ) -> tuple[SourceFolder, ...]:
        """See NamedFolders."""
        return await to_thread.run_sync(self._admit, collection, tuple(sources))

    def add(self, record: CollectionRecord) -> None:
        """See NamedFolders."""
        for one in record.sources:
            self._repository.add(self._build(record.name, one))

    def remove(self, collection: str) -> None:
        """See NamedFolders."""
        self._repository.remove(collection)

    def _admit(self, collection: str, sources: Sequence[SourceFolder]) -> tuple[SourceFolder, ...]:
        """Check all of them.

        Raises:
            FolderRefusedError: One of them may not be read.
        """
        found: list[SourceFolder] = []
        mine: list[Root] = []
        for source in sources:
            real = self._real(source.path)
            admitted = SourceFolder(path=real, glob=source.glob)
            root = self._build(collection, admitted)
            if other := overlapping(root, [*self._repository.near(root), *mine]):
                raise FolderRefusedError(
                    f"{source.path} has files in common with {display_name(other.base)} of "
                    f"collection '{other.collection}': name another folder for '{collection}', or "
                    "narrower patterns"
                )
            mine.append(root)
            found.append(admitted)
        return tuple(found)

    def _real(self, path: str) -> str:
        """Return a path without links, if it may be read.

        Whether there is something is told only of what is allowed.

        Raises:
            FolderRefusedError: It may not, or cannot be.
        """
        real = posixpath.realpath(path)
        if not lies_below(real, map(posixpath.realpath, self._allowed)):
            told = ", ".join(display_name(os.fspath(one)) for one in self._allowed) or "nothing"
            raise FolderRefusedError(
                f"{path} may not be read: a command may name folders below {told}; others are "
                "allowed by ingestion.allowed_roots in discovery's configuration"
            )
        for own in self._own:
            if lies_below(real, (posixpath.realpath(own),)):
                raise FolderRefusedError(
                    f"{path} lies in {display_name(os.fspath(own))}, which this program writes "
                    "itself; name the folder of the logs"
                )
        if len(real) > MAX_PATH or any("\ud800" <= one <= "\udfff" for one in real):
            raise FolderRefusedError(f"{path} leads to a path that is too long, or no UTF-8")
        _require_readable(path, real)
        return real


def _require_readable(path: str, real: str) -> None:
    """Check that there is something that can be read.

    Raises:
        FolderRefusedError: There is not.
    """
    try:
        if posixpath.isfile(real):
            Path(real).open("rb").close()
        else:
            os.scandir(real).close()
    except FileNotFoundError as error:
        raise FolderRefusedError(f"{path} does not exist; make the folder first") from error
    except OSError as error:
        raise FolderRefusedError(f"{path} cannot be read: {error.strerror}") from error
