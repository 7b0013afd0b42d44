"""Where uploaded files go, and what is known of sources."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from shared.contracts.source_list import ListSources, SourcePage, SourceRow
from shared.errors import MapstreamError
from shared.readers.preview import Preview


class UnreadableUploadError(MapstreamError):
    """A file cannot be read; says why, and what to do."""


class IncomingFile(Protocol):
    """A file that is coming. Every method that waits may raise what ``shared.blobs`` raises."""

    @property
    def size(self) -> int:
        """Bytes so far."""
        ...

    @property
    def sha256(self) -> str:
        """The hash of what has come, in hex."""
        ...

    @property
    def path(self) -> Path:
        """Where it lies until it is kept or let go."""
        ...

    async def write(self, piece: bytes) -> None:
        """Take the next bytes.

        Raises:
            BlobTooLargeError: They are more than the limit.
            TransientError: They cannot be stored.
        """
        ...

    async def flush(self) -> None:
        """Have all that has come in the file; raises as ``write``."""
        ...

    async def keep(
        self,
        *,
        collection: str,
        filename: str,
        media_type: str,
        at: datetime,
        by: str,
    ) -> None:
        """Have it kept, with a note that says whose it is.

        Raises:
            TransientError: It cannot be stored.
        """
        ...

    async def close(self) -> None:
        """Let go of it; what was not kept is gone."""
        ...


class FileStore(Protocol):
    """The files that people hand in."""

    def begin(self, job_id: str, most_bytes: int) -> IncomingFile:
        """Begin one of at most so many bytes."""
        ...

    def reading(self, sha256: str) -> AbstractAsyncContextManager[Path]:
        """Give where one lies that was kept, until the block ends.

        Raises:
            UnreadableUploadError: It is not there any more.
            TransientError: It cannot be read now.
        """
        ...


class FileReader(Protocol):
    """Reads files as discovery will."""

    async def why_not(self, path: Path, name: str, columns: Sequence[str]) -> str | None:
        """Say why a file is none that is read, or which of some columns it lacks; else nothing.

        Args:
            path: Where it lies.
            name: What it is called.
            columns: Those that were chosen of it.
        """
        ...

    async def preview(self, path: Path, name: str) -> Preview:
        """Tell what a file holds.

        Raises:
            UnreadableUploadError: It cannot be read, or no further.
        """
        ...


class SourceBook(Protocol):
    """What discovery has of the sources."""

    async def page(self, asked: ListSources) -> SourcePage:
        """Return a page of a collection's sources, in the order of their names.

        Raises:
            BusAway: The bus did not answer.
            TransientError: Discovery does not answer, or not by contract.
        """
        ...

    async def find(self, collection: str, source_id: str) -> SourceRow | None:
        """Return one of them, if there is such a one; raises as ``page``."""
        ...
