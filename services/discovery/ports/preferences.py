"""What is kept of the columns that collections prefer, and of those that their tables have."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.discovery.domain.preferences import Chosen, Preferred
from services.discovery.domain.uploads import UploadedFile


class PreferenceStore(Protocol):
    """The preferences of collections. Each method is one transaction."""

    async def preferences(self, collection: str, most: int) -> list[Preferred]:
        """Return the versions, the newest first: that is the one that is active.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def prefer(self, collection: str, chosen: Chosen, by: str, now: datetime) -> Preferred:
        """Choose columns: the next version, or the same one if nothing is new.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...

    async def columns(self, collection: str) -> tuple[tuple[str, ...], list[UploadedFile]]:
        """Return the columns that are known, and the files whose columns are not, newest first.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def note_columns(self, file: UploadedFile, columns: Sequence[str]) -> None:
        """Note which columns a file has.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...


class Rechoosing(Protocol):
    """Jobs that read sources by other columns than before. Each method is one transaction."""

    async def rechosen(self, job_id: str) -> UploadedFile | None:
        """Return the source of a running job with the columns that it is to be read by.

        Raises:
            TransientError: The ledger could not be read.
        """
        ...

    async def rechoose(self, job_id: str) -> None:
        """Have the source of a running job read by those from now on; harmless when repeated.

        If the job is cancelled or fails, they are again what they were before.

        Raises:
            TransientError: The ledger could not be written.
        """
        ...


class ColumnReader(Protocol):
    """Looks into files."""

    async def columns(self, file: UploadedFile) -> Sequence[str]:
        """Return the columns of the first table of a file; none if it is no table, or unreadable.

        Raises:
            TransientError: It could not be looked at now.
        """
        ...
