"""Blobs as files of a folder: plain, blocking code that a thread runs.

A blob is ``ab/abcd…``, by its SHA-256; beside it lies a note for each who handed it in,
``ab/abcd….JOB.meta.json``. A blob is there as long as a note is. What is being written is in
``incoming``. Services share the folder: one puts blobs in, another takes them out.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
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
AWAY = ".away"
"""The end of the name of a blob that is being removed."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_JOB = re.compile(r"[A-Za-z0-9_-]{1,64}")


class BlobWriter:
    """A blob that is coming: hashed and counted as it is written."""

    def __init__(self, blobs: "FolderBlobs", job_id: str, most_bytes: int) -> None:
        """Take where it goes, what it is for, and how large it may be."""
        self._blobs = blobs
        self._most_bytes = most_bytes
        self._path = blobs.folder / INCOMING / (_checked(_JOB, job_id) + PART)
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

    def write(self, piece: bytes) -> None:
        """Write the next bytes.

        Raises:
            BlobTooLargeError: They are more than the limit; none of this piece was written.
            BlobsFullError: The disk is full.
            BlobsUnusableError: The folder cannot be written.
        """
        if self.size + len(piece) > self._most_bytes:
            raise BlobTooLargeError(f"it is larger than the {self._most_bytes} bytes allowed")
        with _explained(self._blobs.folder):
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("xb", buffering=0)
            left = memoryview(piece)
            while left:
                left = left[self._file.write(left) :]
        self._sha256.update(piece)
        self._md5.update(piece)
        self.size += len(piece)

    def keep(self, note: BlobNote) -> None:
        """Have the blob kept under its hash: from here on it survives a crash.

        The note comes first: who takes out the last note that it sees looks again afterwards.

        Raises:
            BlobsFullError: The disk is full.
            BlobsUnusableError: The folder cannot be written.
        """
        with _explained(self._blobs.folder):
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("xb", buffering=0)
            os.fsync(self._file.fileno())
            target = self._blobs.path(self.sha256)
            target.parent.mkdir(parents=True, exist_ok=True)
            _write_durably(self._blobs.note_path(self.sha256, note.job_id), note.written())
            self._path.replace(target)
            _sync_folder(target.parent)
        self.close()

    def close(self) -> None:
        """Let go of it; what was not kept is gone."""
        if self._file is not None:
            self._file.close()
            self._file = None
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


class FolderBlobs:
    """The blobs of a folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made with the first blob."""
        self.folder = folder

    def writer(self, job_id: str, most_bytes: int) -> BlobWriter:
        """Begin a blob of at most so many bytes; nothing is made before the first is written."""
        return BlobWriter(self, job_id, most_bytes)

    def path(self, sha256: str) -> Path:
        """Say where a blob lies, whether it is there or not."""
        name = _checked(_SHA256, sha256)
        return self.folder / name[:2] / name

    def note_path(self, sha256: str, job_id: str) -> Path:
        """Say where the note of one who handed a blob in lies."""
        path = self.path(sha256)
        return path.with_name(f"{path.name}.{_checked(_JOB, job_id)}{NOTE}")

    def find(self, sha256: str, job_id: str) -> BlobNote | None:
        """Return the note of a blob that is there, both of the size that they should have.

        Raises:
            BlobsUnusableError: The folder cannot be read.
        """
        with _explained(self.folder):
            try:
                size = self.path(sha256).stat().st_size
                note = BlobNote.read(self.note_path(sha256, job_id).read_bytes())
            except (FileNotFoundError, ValueError):
                return None
        return note if note.file_size_bytes == size else None

    def remove(self, sha256: str, job_id: str) -> bool:
        """Take a note away, and the blob with the last of them; tell whether that went.

        Harmless if it was done before. Somebody may hand the same bytes in meanwhile: then his
        note, which is written before his blob, is seen by the second look, and the blob comes
        back.

        Raises:
            BlobsUnusableError: The folder cannot be written.
        """
        with _explained(self.folder):
            self.note_path(sha256, job_id).unlink(missing_ok=True)
            return self._remove_unnoted(sha256)

    def _remove_unnoted(self, sha256: str) -> bool:
        path = self.path(sha256)
        if self._has_note(sha256):
            return False
        with suppress(FileNotFoundError):
            path.rename(path.with_name(path.name + AWAY))
        return self._settle(sha256)

    def _settle(self, sha256: str) -> bool:
        """Remove a blob that was put aside, or put it back; tell whether it went."""
        path = self.path(sha256)
        away = path.with_name(path.name + AWAY)
        is_wanted = self._has_note(sha256)
        if is_wanted:
            with suppress(FileExistsError, FileNotFoundError):
                os.link(away, path)
        try:
            away.unlink()
        except FileNotFoundError:
            return False
        return not is_wanted

    def _has_note(self, sha256: str) -> bool:
        pattern = f"{sha256}.*{NOTE}"
        return next(self.path(sha256).parent.glob(pattern), None) is not None

    def notes(self) -> Iterator[tuple[str, str, datetime]]:
        """List hash, job and time of every note.

        Raises:
            BlobsUnusableError: The folder cannot be read.
        """
        with _explained(self.folder):
            for path in self.folder.glob(f"??/*{NOTE}"):
                sha256, _, job_id = path.name.removesuffix(NOTE).partition(".")
                if _SHA256.fullmatch(sha256) and _JOB.fullmatch(job_id):
                    with suppress(FileNotFoundError):
                        yield sha256, job_id, _modified(path)

    def clean(self, now: datetime, after: timedelta) -> int:
        """Remove what killed writers and removals have left, and tell how many files those were.

        Args:
            now: The time, in UTC.
            after: What has not been touched for so long is left by somebody who is gone.

        Raises:
            BlobsUnusableError: The folder cannot be written.
        """
        count = self.clean_parts(now, after)
        with _explained(self.folder):
            for path in self.folder.glob(f"??/*{AWAY}"):
                self._settle(path.name.removesuffix(AWAY))
            for path in self.folder.glob("??/*"):
                with suppress(FileNotFoundError):
                    if _SHA256.fullmatch(path.name) and now - _modified(path) > after:
                        count += self._remove_unnoted(path.name)
        return count

    def clean_parts(self, now: datetime, after: timedelta) -> int:
        """Remove what killed writers have left, and no blob; count it.

        Args:
            now: The time, in UTC.
            after: Whoever has not written for so long is gone.

        Raises:
            BlobsUnusableError: The folder cannot be written.
        """
        count = 0
        with _explained(self.folder):
            for path in [*self.folder.glob(f"{INCOMING}/*{PART}"), *self.folder.glob("??/*.new")]:
                with suppress(FileNotFoundError):
                    if now - _modified(path) > after:
                        path.unlink()
                        count += 1
        return count

    def free_bytes(self) -> int:
        """Tell how much room the disk has.

        Raises:
            BlobsUnusableError: The folder cannot be read.
        """
        with _explained(self.folder):
            there = next(one for one in (self.folder, *self.folder.parents) if one.exists())
            return shutil.disk_usage(there).free


def _checked(pattern: re.Pattern[str], name: str) -> str:
    """Return a part of a path that leads nowhere else.

    Raises:
        ValueError: It is none.
    """
    if not pattern.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a blob or job")
    return name


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime).astimezone()


def _write_durably(path: Path, content: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
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
