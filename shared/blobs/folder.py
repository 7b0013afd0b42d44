"""Blobs as files of a folder: plain, blocking code that a thread runs.

A blob is ``ab/abcd…``, by its SHA-256; beside it lies a note for each who handed it in,
``ab/abcd….JOB.meta.json``. A blob is there as long as a note is. What is being written is in
``incoming``. Services share the folder: one puts blobs in, another takes them out.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from shared.blobs.local import (
    JOB,
    NOTE,
    SHA256,
    BlobWriter,
    checked,
    clean_parts,
    explained,
    modified,
)
from shared.blobs.notes import BlobNote

AWAY = ".away"
"""The end of the name of a blob that is being removed."""


class FolderBlobs:
    """The blobs of a folder."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made with the first blob."""
        self.folder = folder

    def writer(self, job_id: str, most_bytes: int) -> BlobWriter:
        """Begin a blob of at most so many bytes; nothing is made before the first is written."""
        return BlobWriter(self.folder, job_id, most_bytes, self._keep)

    def path(self, sha256: str) -> Path:
        """Say where a blob lies, whether it is there or not."""
        name = checked(SHA256, sha256)
        return self.folder / name[:2] / name

    def note_path(self, sha256: str, job_id: str) -> Path:
        """Say where the note of one who handed a blob in lies."""
        path = self.path(sha256)
        return path.with_name(f"{path.name}.{checked(JOB, job_id)}{NOTE}")

    def _keep(self, coming: BlobWriter, note: BlobNote) -> None:
        """Store it; who takes out the last note that it sees looks again afterwards."""
        os.fsync(coming.file.fileno())
        target = self.path(coming.sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_durably(self.note_path(coming.sha256, note.job_id), note.written())
        coming.path.replace(target)
        _sync_folder(target.parent)

    @contextmanager
    def reading(self, sha256: str) -> Iterator[Path]:
        """See Blobs."""
        yield self.path(sha256)

    def url(self, sha256: str, job_id: str) -> str | None:
        """See Blobs: who shares the folder needs none."""
        del sha256, job_id

    def find(self, sha256: str, job_id: str) -> BlobNote | None:
        """Return the note of a blob that is there, both of the size that they should have.

        Raises:
            BlobsUnusableError: The folder cannot be read.
        """
        with explained(self.folder):
            try:
                size = self.path(sha256).stat().st_size
                note = BlobNote.read(self.note_path(sha256, job_id).read_bytes())
            except (FileNotFoundError, ValueError):
                return None
        return note if note.file_size_bytes == size else None

    def remove(self, sha256: str, job_id: str) -> None:
        """Take a note away, and the blob with the last of them.

        Harmless if it was done before. Somebody may hand the same bytes in meanwhile: then his
        note, which is written before his blob, is seen by the second look, and the blob comes
        back.

        Raises:
            BlobsUnusableError: The folder cannot be written.
        """
        with explained(self.folder):
            self.note_path(sha256, job_id).unlink(missing_ok=True)
            self._remove_unnoted(sha256)

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
        with explained(self.folder):
            for path in self.folder.glob(f"??/*{NOTE}"):
                sha256, _, job_id = path.name.removesuffix(NOTE).partition(".")
                if SHA256.fullmatch(sha256) and JOB.fullmatch(job_id):
                    with suppress(FileNotFoundError):
                        yield sha256, job_id, modified(path)

    def clean(self, now: datetime, after: timedelta) -> int:
        """Remove what killed writers and removals have left, and tell how many files those were.

        Args:
            now: The time, in UTC.
            after: What has not been touched for so long is left by somebody who is gone.

        Raises:
            BlobsUnusableError: The folder cannot be written.
        """
        count = self.clean_parts(now, after)
        with explained(self.folder):
            for path in self.folder.glob(f"??/*{AWAY}"):
                self._settle(path.name.removesuffix(AWAY))
            for path in self.folder.glob("??/*"):
                with suppress(FileNotFoundError):
                    if SHA256.fullmatch(path.name) and now - modified(path) > after:
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
        return clean_parts(self.folder, now, after)


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
