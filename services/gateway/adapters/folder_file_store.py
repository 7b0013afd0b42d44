"""Uploaded files in a folder that discovery reads them from."""

from pathlib import Path

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
        return IncomingBlob(self._blobs.writer(job_id, most_bytes), job_id, self._threads)

    def path(self, sha256: str) -> Path:
        """See the port."""
        return self._blobs.path(sha256)
