"""A blob that comes piece by piece, hashed and written by threads while others go on."""

from datetime import datetime
from pathlib import Path, PurePath

from anyio import CapacityLimiter, to_thread

from shared.blobs.local import BlobWriter
from shared.blobs.notes import BlobNote

PIECE_BYTES = 1 << 20
"""So much is collected before a thread writes it."""
LONGEST_TYPE = 100


class IncomingBlob:
    """A file that is coming; what of it was not kept is gone when it is closed."""

    def __init__(
        self, writer: BlobWriter, job_id: str, threads: CapacityLimiter | None = None
    ) -> None:
        """Take what writes it, what it is for, and the threads that may; none: any."""
        self._writer = writer
        self._job_id = job_id
        self._threads = threads
        self._held = bytearray()

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._writer.size + len(self._held)

    @property
    def sha256(self) -> str:
        """The hash of what is written, in hex."""
        return self._writer.sha256

    @property
    def md5(self) -> str:
        """The older hash of what is written, in hex."""
        return self._writer.md5

    @property
    def path(self) -> Path:
        """Where it lies until it is kept or let go."""
        return self._writer.path

    async def write(self, piece: bytes) -> None:
        """Take the next bytes; raises as ``flush``."""
        self._held += piece
        if len(self._held) >= PIECE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what has come.

        Raises:
            BlobTooLargeError: It is more than the limit.
            TransientError: It cannot be stored.
        """
        piece, self._held = bytes(self._held), bytearray()
        await to_thread.run_sync(self._writer.write, piece, limiter=self._threads)

    async def keep(
        self,
        *,
        collection: str,
        filename: str,
        media_type: str,
        at: datetime,
        by: str,
        url: str | None = None,
    ) -> None:
        """Have it kept under its hash, with a note that says whose it is.

        Raises:
            BlobTooLargeError: It is more than the limit.
            TransientError: It cannot be stored.
        """
        await self.flush()
        writer = self._writer
        note = BlobNote(
            job_id=self._job_id,
            collection=collection,
            original_filename=filename,
            source_type="upload" if url is None else "url",
            source_url=url,
            file_type=PurePath(filename).suffix.removeprefix(".").lower(),
            mime_type=media_type[:LONGEST_TYPE],
            file_size_bytes=writer.size,
            checksum_sha256=writer.sha256,
            checksum_md5=writer.md5,
            downloaded_at=at,
            downloaded_by=by,
        )
        await to_thread.run_sync(writer.keep, note, limiter=self._threads)

    async def close(self) -> None:
        """Let go of it."""
        self._held.clear()
        await to_thread.run_sync(self._writer.close, limiter=self._threads)
