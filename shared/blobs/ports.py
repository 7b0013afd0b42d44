"""What keeps blobs, wherever it keeps them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from shared.blobs.local import BlobWriter
from shared.blobs.notes import BlobNote


class Blobs(Protocol):
    """The blobs of a place that services share: plain, blocking code that a thread runs.

    A blob is there as long as somebody's note is, and a note is there before its blob. Every
    method may raise ``BlobsUnusableError``, which passes: nothing is lost by it.
    """

    def writer(self, job_id: str, most_bytes: int) -> BlobWriter:
        """Begin a blob of at most so many bytes; nothing is made before the first is written."""
        ...

    def reading(self, sha256: str) -> AbstractContextManager[Path]:
        """Give a path at which a blob lies until the block ends, for this process and its own.

        What was opened in the block stays readable.

        Raises:
            FileNotFoundError: It is not there, at the latest when the path is opened.
            BlobsFullError: There is no room for it here.
        """
        ...

    def url(self, sha256: str, job_id: str) -> str | None:
        """Return an address from which another program may load a blob for a day; none: no such.

        Raises:
            BlobsUnusableError: It cannot be made.
        """
        ...

    def find(self, sha256: str, job_id: str) -> BlobNote | None:
        """Return the note of a blob that is there, both of the size that they should have."""
        ...

    def remove(self, sha256: str, job_id: str) -> None:
        """Take a note away, and the blob with the last of them.

        Harmless if it was done before. Who hands the same bytes in meanwhile, for another job,
        does not lose them.
        """
        ...

    def notes(self) -> Iterator[tuple[str, str, datetime]]:
        """List hash, job and time of every note."""
        ...

    def clean(self, now: datetime, after: timedelta) -> int:
        """Remove what killed writers and removals have left, and tell how many that were.

        Args:
            now: The time, in UTC.
            after: What has not been touched for so long is left by somebody who is gone.
        """
        ...

    def clean_parts(self, now: datetime, after: timedelta) -> int:
        """Remove what killed writers have left on this disk, and no blob; count it.

        Args:
            now: The time, in UTC.
            after: Whoever has not written for so long is gone.
        """
        ...
