"""What discovery keeps of uploaded files, and who keeps their bytes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.discovery.domain.uploads import Admitted, ColumnRule, NotAdmitted, UploadedFile
from services.discovery.ports.jobs import Wish
from shared.blobs.notes import BlobNote
from shared.contracts.source_list import ListSources, SourcePage


class UploadStore(Protocol):
    """The uploaded files that are sources, or come to be. Each method is one transaction."""

    async def submit_upload(
        self,
        wanted: UploadedFile,
        wish: Wish,
        *,
        replaces: bool,
        quota_bytes: int,
        columns: ColumnRule = "preferred",
    ) -> Admitted | NotAdmitted:
        """Queue the job by which a file becomes a source, of its name or of the next free one.

        The same job again changes nothing, and gets what it got before. The bytes of what is not
        admitted are let go.

        Args:
            wanted: The file, by the name that it was given.
            wish: Who wants it.
            replaces: Whether it takes the place of the uploaded file of that name.
            quota_bytes: The most that the files of the collection may take.
            columns: Whose columns it is read by, if it is a table.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def admitted_before(self, wanted: UploadedFile) -> Admitted | NotAdmitted | None:
        """Return what the same job got when it was submitted before; None: it was not.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def uploads(self) -> list[UploadedFile]:
        """Return what is read of each source that has such a file.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def find_upload(self, source_id: str) -> UploadedFile | None:
        """Return what is read of a source; none if it is no uploaded one, or was removed.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def relisted(self) -> list[tuple[str, str, UploadedFile | None]]:
        """Return collection and id of the sources of which another file may be read by now.

        With each, the file, if there still is one; each is told once to this process.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def kept_bytes(self, collection: str | None = None) -> frozenset[tuple[str, str]]:
        """Return hash and note of all bytes that are not known to be gone.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def leaving(self) -> list[tuple[str, str]]:
        """Return hash and note of the bytes that nobody asks for any more.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def left(self, blob: str, job_id: str) -> None:
        """Note that such bytes are gone.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def page_of_sources(self, asked: ListSources) -> SourcePage:
        """Return a page of the sources of a collection, those from folders, too.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...


class UploadedFiles(Protocol):
    """The uploaded files that are read, as they are listed."""

    def put(self, file: UploadedFile) -> None:
        """Have one read from now on, in place of the one of its name."""
        ...

    def drop(self, collection: str, source_id: str) -> UploadedFile | None:
        """Read one no more; returns what was read."""
        ...

    def find(self, collection: str, source_id: str) -> UploadedFile | None:
        """Return the one of a collection that is this source, if one is."""
        ...

    def of(self, collection: str | None = None) -> Sequence[UploadedFile]:
        """List those of a collection, or all."""
        ...


class BlobKeeper(Protocol):
    """The bytes of uploaded files. Every method may raise ``TransientError``."""

    async def find(self, blob: str, job_id: str) -> BlobNote | None:
        """Return what was noted when a file was handed in; none if it is not there, whole.

        Raises:
            TransientError: They cannot be read.
        """
        ...

    async def remove(self, blob: str, job_id: str) -> None:
        """Remove the bytes of one, unless somebody else handed in the same ones.

        Raises:
            TransientError: They cannot be removed.
        """
        ...

    async def unknown(
        self, known: frozenset[tuple[str, str]], before: datetime
    ) -> list[tuple[str, str]]:
        """List hash and job of those handed in before, of which nobody knows here.

        Raises:
            TransientError: They cannot be read.
        """
        ...

    async def clean(self, now: datetime, after: timedelta) -> int:
        """Remove what was left by those who died while they handed something in; count it.

        Raises:
            TransientError: They cannot be removed.
        """
        ...
