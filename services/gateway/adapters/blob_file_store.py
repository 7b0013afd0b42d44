"""Uploaded files in the place that discovery reads them from."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex

from anyio import CapacityLimiter, to_thread

from services.gateway.ports.uploads import UnreadableUploadError
from shared.blobs.incoming import IncomingBlob
from shared.blobs.ports import Blobs
from shared.clock import Clock

AT_ONCE = 16
"""Threads that write: disks get no faster by more, and others need threads, too."""


class BlobFileStore:
    """The files of a place of blobs."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._threads = CapacityLimiter(AT_ONCE)

    def begin(self, job_id: str, most_bytes: int) -> IncomingBlob:
        """See the port."""
        # What a killed gateway has left lies under another name, and goes when it is old.
        writer = self._blobs.writer(f"{job_id}-{token_hex(6)}", most_bytes)
        return IncomingBlob(writer, job_id, self._threads)

    @asynccontextmanager
    async def reading(self, sha256: str) -> AsyncIterator[Path]:
        """See the port."""
        with ExitStack() as stack:
            enter, lent = stack.enter_context, self._blobs.reading(sha256)
            try:
                path = await to_thread.run_sync(enter, lent, limiter=self._threads)
            except FileNotFoundError as error:
                raise UnreadableUploadError("its bytes are not kept any more") from error
            yield path


async def clean_parts(blobs: Blobs, clock: Clock, after: timedelta) -> int:
    """Remove what a killed gateway has left on this machine, and count it.

    Raises:
        TransientError: It cannot be removed.
    """
    now: datetime = clock.now()
    return await to_thread.run_sync(blobs.clean_parts, now, after)
