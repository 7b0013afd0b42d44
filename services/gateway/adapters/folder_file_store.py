"""Uploaded files in a folder that discovery reads them from."""

from pathlib import Path
from secrets import token_hex

from anyio import CapacityLimiter

from shared.blobs.folder import FolderBlobs
from shared.blobs.incoming import IncomingBlob

AT_ONCE = 16
"""Threads that write: disks get no faster by more, and others need threads, too."""


class FolderFileStore:
    """The files of a folder."""

    def __init__(self, blobs: FolderBlobs) -> None:
        self._blobs = blobs
        self._threads = CapacityLimiter(AT_ONCE)

    def begin(self, job_id: str, most_bytes: int) -> IncomingBlob:
        """See the port."""
        # What a killed gateway has left lies under another name, and goes when it is old.
        writer = self._blobs.writer(f"{job_id}-{token_hex(6)}", most_bytes)
        return IncomingBlob(writer, job_id, self._threads)

    def path(self, sha256: str) -> Path:
        """See the port."""
        return self._blobs.path(sha256)
