"""Fetched files in the place of uploaded ones, from which discovery reads them."""

from datetime import timedelta
from io import BytesIO
from uuid import uuid4

from anyio import to_thread

from services.courier.domain.limits import too_large
from services.courier.ports import FileNote, RefusedError
from shared.blobs.incoming import IncomingBlob
from shared.blobs.ports import Blobs
from shared.clock import Clock
from shared.readers.errors import UnreadableFileError
from shared.readers.recognise import recognise

LEFT_AFTER = timedelta(minutes=10)
"""Who has not written for so long is gone: a fetch waits for a byte much shorter."""


class BlobIncomingFile:
    """A file that is coming into it."""

    def __init__(self, blob: IncomingBlob, most_bytes: int, clock: Clock) -> None:
        self._blob = blob
        self._most_bytes = most_bytes
        self._clock = clock

    @property
    def size(self) -> int:
        """See the port."""
        return self._blob.size

    @property
    def sha256(self) -> str:
        """See the port."""
        return self._blob.sha256

    @property
    def md5(self) -> str:
        """See the port."""
        return self._blob.md5

    async def write(self, piece: bytes) -> None:
        """See the port; of what is more than may be nothing is written."""
        if self.size + len(piece) > self._most_bytes:
            raise RefusedError(too_large(self._most_bytes))
        await self._blob.write(piece)

    async def flush(self) -> None:
        """See the port."""
        await self._blob.flush()

    async def keep(self, note: FileNote) -> None:
        """See the port."""
        await self._blob.keep(
            collection=note.collection,
            filename=note.filename,
            media_type=note.media_type,
            at=self._clock.now(),
            by=note.by,
            url=note.url,
        )

    async def close(self) -> None:
        """See the port."""
        await self._blob.close()


class BlobFileStore:
    """The files of a place of blobs."""

    def __init__(self, blobs: Blobs, clock: Clock, most_bytes: int) -> None:
        """Take the place, and how large a file may be."""
        self._blobs = blobs
        self._clock = clock
        self._most_bytes = most_bytes

    def begin(self, job_id: str) -> BlobIncomingFile:
        """See the port."""
        # What a killed courier has left lies under another name, and goes when it is old.
        writer = self._blobs.writer(f"{job_id}-{uuid4().hex[:12]}", self._most_bytes)
        blob = IncomingBlob(writer, job_id)
        return BlobIncomingFile(blob, self._most_bytes, self._clock)

    async def has(self, blob: str, job_id: str) -> bool:
        """See the port."""
        return await to_thread.run_sync(self._blobs.find, blob, job_id) is not None

    async def url(self, blob: str, job_id: str) -> str | None:
        """See the port."""
        return await to_thread.run_sync(self._blobs.url, blob, job_id)

    async def clean(self) -> int:
        """See the port."""
        return await to_thread.run_sync(self._blobs.clean_parts, self._clock.now(), LEFT_AFTER)

    def why_unreadable(self, head: bytes, filename: str) -> str | None:
        """See the port."""
        try:
            recognise(BytesIO(head), filename)
        except UnreadableFileError as error:
            return str(error)
        return None
