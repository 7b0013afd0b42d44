"""Blobs as objects of a store: plain, blocking code that a thread runs.

What somebody hands in is ``SHA256/JOB``, with its note ``SHA256/JOB.meta.json``: each has bytes of
his own, so nobody who removes his takes those of others, whatever happens at the same moment.
Bytes have a note from before they come until after they have gone. What is coming, and what is
read, lies in a folder of this machine meanwhile.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from shared.blobs.cache import BlobCache
from shared.blobs.local import (
    INCOMING,
    JOB,
    NOTE,
    PART,
    SHA256,
    BlobWriter,
    checked,
    clean_parts,
    explained,
)
from shared.blobs.notes import BlobNote
from shared.blobs.objects import Objects

LIFETIME = timedelta(days=1)
"""Of the address of a blob."""


class ObjectBlobs:
    """The blobs of an object store."""

    def __init__(self, objects: Objects, folder: Path, cache_bytes: int) -> None:
        """Take what it needs.

        Args:
            objects: The store, or what of it is for blobs.
            folder: Where files lie on this machine; it is made with the first.
            cache_bytes: So much of what was read is kept there; 0: nothing.
        """
        self._objects = objects
        self._folder = folder
        self._cache = BlobCache(folder, cache_bytes)

    def writer(self, job_id: str, most_bytes: int) -> BlobWriter:
        """See Blobs."""
        return BlobWriter(self._folder, job_id, most_bytes, self._keep)

    def _keep(self, coming: BlobWriter, note: BlobNote) -> None:
        at = _key(coming.sha256, note.job_id)
        _ = coming.file  # also of what is empty
        self._objects.put(at + NOTE, note.written())
        self._objects.put_file(at, coming.path)

    @contextmanager
    def reading(self, sha256: str) -> Iterator[Path]:
        """See Blobs; the path is nobody else's, so that nobody takes it away."""
        name = checked(SHA256, sha256)
        path = self._folder / INCOMING / f"{uuid4().hex}{PART}"
        with explained(self._folder):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not self._cache.lend(name, path):
                self._load(name, path)
                self._cache.add(name, path)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _load(self, sha256: str, path: Path) -> None:
        """Write a blob to a file, of whoever has it whole.

        Raises:
            FileNotFoundError: Nobody has.
        """
        for one in self._objects.listed(sha256):
            if JOB.fullmatch(one.key.rpartition("/")[2]) and self._is_loaded(one.key, path):
                return
        raise FileNotFoundError(f"nobody has {sha256}")

    def _is_loaded(self, key: str, path: Path) -> bool:
        digest = hashlib.sha256()
        with explained(self._folder):
            path.unlink(missing_ok=True)
            file = path.open("xb")
        with file:
            for piece in self._objects.pieces(key):
                digest.update(piece)
                with explained(self._folder):
                    file.write(piece)
            with explained(self._folder):
                file.flush()
                os.fsync(file.fileno())
        return digest.hexdigest() == key.partition("/")[0]

    def url(self, sha256: str, job_id: str) -> str | None:
        """See Blobs."""
        return self._objects.url(_key(sha256, job_id), LIFETIME)

    def find(self, sha256: str, job_id: str) -> BlobNote | None:
        """See Blobs."""
        try:
            at = _key(sha256, job_id)
            note = BlobNote.read(self._objects.get(at + NOTE) or b"")
        except ValueError:
            return None
        return note if note.file_size_bytes == self._objects.size(at) else None

    def remove(self, sha256: str, job_id: str) -> None:
        """See Blobs; of whoever is killed in between the note is left, and is looked for."""
        at = _key(sha256, job_id)
        self._objects.delete(at)
        self._objects.delete(at + NOTE)
        with explained(self._folder):
            self._cache.drop(sha256)

    def notes(self) -> Iterator[tuple[str, str, datetime]]:
        """See Blobs."""
        for one in self._objects.listed():
            sha256, _, name = one.key.partition("/")
            job_id = name.removesuffix(NOTE)
            if name != job_id and SHA256.fullmatch(sha256) and JOB.fullmatch(job_id):
                yield sha256, job_id, one.at

    def clean(self, now: datetime, after: timedelta) -> int:
        """See Blobs; bytes without a note are there only if somebody took it away by hand."""
        with explained(self._folder):
            self._cache.clean(now, after)
        count, there = self.clean_parts(now, after), list(self._objects.listed())
        keys = {one.key for one in there}
        for one in there:
            sha256, _, job_id = one.key.partition("/")
            is_blob = SHA256.fullmatch(sha256) and JOB.fullmatch(job_id)
            is_bare = is_blob and one.key + NOTE not in keys and now - one.at > after
            # His note came before his bytes: if he has come since, it is there now.
            if is_bare and self._objects.size(one.key + NOTE) is None:
                self._objects.delete(one.key)
                count += 1
        return count

    def clean_parts(self, now: datetime, after: timedelta) -> int:
        """See Blobs."""
        return clean_parts(self._folder, now, after)


def _key(sha256: str, job_id: str) -> str:
    return f"{checked(SHA256, sha256)}/{checked(JOB, job_id)}"
