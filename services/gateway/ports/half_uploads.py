"""Where uploads are kept that are not at their end."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from services.gateway.domain.half_uploads import HalfUpload, KeptUpload, UploadKey
from shared.errors import MapstreamError


class NoUploadError(MapstreamError):
    """There is no such upload, or not of who asks, or it has expired."""


class BusyUploadError(MapstreamError):
    """Another request has the upload in hand."""


class OpenUpload(Protocol):
    """An upload that one request has in hand, alone. Methods that wait raise TransientError."""

    @property
    def facts(self) -> HalfUpload:
        """What is known of it."""
        ...

    @property
    def offset(self) -> int:
        """Bytes that have come."""
        ...

    async def write(self, piece: bytes) -> None:
        """Take the next bytes."""
        ...

    async def sync(self) -> None:
        """Have all that has come survive a crash."""
        ...

    async def cut(self, size: int) -> None:
        """Let go of all bytes but the first so many."""
        ...

    async def note(self, facts: HalfUpload) -> None:
        """Have something else known of it, crash or not."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """Return its bytes; nothing may be written meanwhile."""
        ...

    async def end(self, facts: HalfUpload) -> None:
        """Note what became of it, and let go of its bytes."""
        ...

    async def remove(self) -> None:
        """Let go of all of it."""
        ...


class HalfUploads(Protocol):
    """The uploads that are not at their end, and for a while those that are.

    Every method raises TransientError if they cannot be read or written.
    """

    async def begin(self, facts: HalfUpload) -> KeptUpload:
        """Keep a new one."""
        ...

    async def find(self, key: UploadKey) -> KeptUpload:
        """Return one.

        Raises:
            NoUploadError: There is none.
        """
        ...

    async def of(self, collection: str, by: str) -> Sequence[KeptUpload]:
        """Return those that somebody has in a collection, the oldest change first."""
        ...

    def opened(self, key: UploadKey) -> AbstractAsyncContextManager[OpenUpload]:
        """Take one in hand until the block ends; wait a moment for who has it.

        Raises:
            NoUploadError: There is none.
            BusyUploadError: Another request has it.
        """
        ...

    async def clean(self, now: datetime, gone: Collection[str] = ()) -> int:
        """Remove what has expired, or is of a collection that is gone, and count it.

        What somebody has in hand stays until the next time.
        """
        ...
