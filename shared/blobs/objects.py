"""What an object store has to do for blobs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a list."""

    key: str
    at: datetime
    """When it was written, by the clock of the store."""


class Objects(Protocol):
    """Objects by their keys; blocking, and each call ends within a time.

    Every method may raise ``BlobsUnusableError``, and ``BlobsRefusedError`` where the key or the
    bucket is wrong.
    """

    def put(self, key: str, content: bytes) -> None:
        """Write an object, whole or not at all; one of this key is replaced."""
        ...

    def put_file(self, key: str, path: Path) -> None:
        """Write what a file holds, whole or not at all; one of this key is replaced."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return a small object; none if it is not there."""
        ...

    def size(self, key: str) -> int | None:
        """Return how many bytes an object has; none if it is not there."""
        ...

    def pieces(self, key: str) -> Iterator[bytes]:
        """Give what an object holds, piece by piece; nothing if it is not there."""
        ...

    def listed(self, folder: str = "") -> Iterator[Listed]:
        """List all, or those whose keys begin with a name and a slash."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; harmless if it is not there."""
        ...

    def url(self, key: str, lifetime: timedelta) -> str:
        """Return an address from which anybody may load an object for so long."""
        ...
