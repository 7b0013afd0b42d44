"""Lists of sources, which are short, in memory until they are told."""

import hashlib
from io import BytesIO

from services.courier.ports import FileNote, RefusedError
from shared.readers.errors import UnreadableFileError
from shared.readers.recognise import recognise

TABLES = frozenset({"zip", "ole", "parquet"})
NO_TEXT = "a list of sources is CSV or JSON, not a workbook: save it as one of these"


class MemoryIncomingFile:
    """A file that is coming."""

    def __init__(self, kept: dict[str, bytes], most_bytes: int) -> None:
        self._kept = kept
        self._most_bytes = most_bytes
        self._bytes = bytearray()

    @property
    def size(self) -> int:
        """See the port."""
        return len(self._bytes)

    @property
    def sha256(self) -> str:
        """See the port."""
        return hashlib.sha256(self._bytes).hexdigest()

    @property
    def md5(self) -> str:
        """See the port."""
        return hashlib.md5(self._bytes, usedforsecurity=False).hexdigest()

    async def write(self, piece: bytes) -> None:
        """See the port; of what is more than may be nothing is kept."""
        if self.size + len(piece) > self._most_bytes:
            raise RefusedError(
                f"it is longer than {self._most_bytes:,} bytes: divide the list into several"
            )
        self._bytes += piece

    async def flush(self) -> None:
        """See the port."""

    async def keep(self, note: FileNote) -> None:  # noqa: ARG002  as the port has it
        """See the port."""
        self._kept[self.sha256] = bytes(self._bytes)

    async def close(self) -> None:
        """See the port."""


class MemoryFileStore:
    """Files that are taken out as soon as they are there."""

    def __init__(self, most_bytes: int) -> None:
        """Take how large a file may be."""
        self._most_bytes = most_bytes
        self._kept: dict[str, bytes] = {}

    def begin(self, job_id: str) -> MemoryIncomingFile:  # noqa: ARG002  as the port has it
        """See FileStore."""
        return MemoryIncomingFile(self._kept, self._most_bytes)

    async def has(self, blob: str, job_id: str) -> bool:  # noqa: ARG002  as the port has it
        """See FileStore."""
        return blob in self._kept

    async def url(self, blob: str, job_id: str) -> str | None:
        """See FileStore; nobody else can load it."""
        del blob, job_id

    async def clean(self) -> int:
        """See FileStore; nobody else has left anything."""
        return 0

    def why_unreadable(self, head: bytes, filename: str) -> str | None:
        """See FileStore: what is text may be a list."""
        try:
            kind = recognise(BytesIO(head), filename)
        except UnreadableFileError as error:
            return str(error)
        return NO_TEXT if kind.format in TABLES else None

    def pop(self, blob: str) -> bytes:
        """See ListStore."""
        return self._kept.pop(blob)
