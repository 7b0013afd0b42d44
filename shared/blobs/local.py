"""What lies on this machine's disk: blobs that are coming, whatever becomes of them."""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from shared.blobs.errors import BlobsFullError, BlobsUnusableError, BlobTooLargeError
from shared.blobs.notes import BlobNote
from shared.disk_room import is_full

INCOMING = "incoming"
PART = ".part"
NOTE = ".meta.json"
SHA256 = re.compile(r"[0-9a-f]{64}")
JOB = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BlobWriter:
    """A blob that is coming: hashed and counted as it is written into a folder."""

    def __init__(self, folder: Path, job_id: str, most_bytes: int, keep: "Keep") -> None:
        """Take where it lies meanwhile, what it is for, how large it may be, what keeps it."""
        self._folder = folder
        self._most_bytes = most_bytes
        self._keep = keep
        self._path = folder / INCOMING / (checked(JOB, job_id) + PART)
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._file: BinaryIO | None = None
        self.size = 0
        """Bytes so far."""

    @property
    def path(self) -> Path:
        """Where it lies until it is kept."""
        return self._path

    @property
    def sha256(self) -> str:
        """The hash of what was written, in hex."""
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        """The older hash of the same, which others compare by."""
        return self._md5.hexdigest()

    @property
    def file(self) -> BinaryIO:
        """The file that it is written to, made if it is not yet.

        Raises:
            OSError: It cannot be made.
        """
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb", buffering=0)
        return self._file

    def write(self, piece: bytes) -> None:
        """Write the next bytes.

        Raises:
            BlobTooLargeError: They are more than the limit; none of this piece was written.
            BlobsFullError: The disk is full.
            BlobsUnusableError: The folder cannot be written.
        """
        if self.size + len(piece) > self._most_bytes:
            raise BlobTooLargeError(f"it is larger than the {self._most_bytes} bytes allowed")
        with explained(self._folder):
            left = memoryview(piece)
            while left:
                left = left[self.file.write(left) :]
        self._sha256.update(piece)
        self._md5.update(piece)
        self.size += len(piece)

    def keep(self, note: BlobNote) -> None:
        """Have the blob kept under its hash: from here on it survives a crash.

        Raises:
            BlobsFullError: There is no room for it.
            BlobsUnusableError: It cannot be stored.
        """
        with explained(self._folder):
            self._keep(self, note)
        self.close()

    def close(self) -> None:
        """Let go of it; what was not kept is gone."""
        if self._file is not None:
            self._file.close()
            self._file = None
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


Keep = Callable[[BlobWriter, BlobNote], None]
"""Puts what was written where blobs are, the note first."""


def clean_parts(folder: Path, now: datetime, after: timedelta) -> int:
    """Remove what killed writers and readers have left in a folder, and count it.

    Args:
        folder: Where blobs are coming.
        now: The time, in UTC.
        after: Whoever has not touched it for so long is gone.

    Raises:
        BlobsUnusableError: The folder cannot be written.
    """
    count = 0
    with explained(folder):
        for path in [*folder.glob(f"{INCOMING}/*{PART}"), *folder.glob("??/*.new")]:
            with suppress(FileNotFoundError):
                if now - modified(path) > after:
                    path.unlink()
                    count += 1
    return count


def checked(pattern: re.Pattern[str], name: str) -> str:
    """Return a part of a path that leads nowhere else.

    Raises:
        ValueError: It is none.
    """
    if not pattern.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a blob or job")
    return name


def modified(path: Path) -> datetime:
    """Return when a file was last written, or used."""
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone()


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn what the system says of a folder into errors with a remedy.

    Raises:
        BlobsFullError: Its disk is full.
        BlobsUnusableError: It cannot be used.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise BlobsFullError(
                f"there is no room on the disk of {folder}: remove files there, or give it more"
            ) from error
        raise BlobsUnusableError(
            f"{folder} cannot be used: {error.strerror or error}; see that the user who runs this "
            "may write there"
        ) from error
