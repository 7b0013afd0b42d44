"""Keeps vectors in files that are only appended to, beside the database that knows their places.

What waits to be told as stored is written once and mostly never read: in the database it would be
written twice, and a page at a time. A file goes when nothing in it is waited for any more.
Replicas write files of their own into the same folder: each locks the one that it writes to.
"""

import fcntl
import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

SEGMENT_BYTES = 64 << 20
SUFFIX = ".vectors"


@dataclass(frozen=True, slots=True)
class Place:
    """Where vectors are."""

    segment: int
    offset: int
    dimension: int


class VectorFiles:
    """The files of a folder; for one thread at a time."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._last = max((int(one.stem) for one in self._files()), default=0)
        self._file: BinaryIO | None = None
        """None: the next vectors begin a new file, for a crash may have cut the last one."""

    def append(self, parts: Sequence[np.ndarray]) -> list[Place]:
        """Keep vectors (n, d) of float32 for good.

        Raises:
            OSError: The disk refuses; what was written of them is never read.
        """
        try:
            places = [self._write(part) for part in parts]
            if self._file is not None:
                self._file.flush()
                os.fdatasync(self._file.fileno())
        except OSError:
            self.close()
            raise
        return places

    def read(self, place: Place, records: int) -> np.ndarray | None:
        """Return vectors; None if they are not there."""
        size = records * place.dimension * np.dtype(np.float32).itemsize
        try:
            with self._path(place.segment).open("rb") as file:
                file.seek(place.offset)
                data = file.read(size)
        except FileNotFoundError:
            return None
        if len(data) < size:
            return None
        return np.frombuffer(data, np.float32).reshape(records, place.dimension)

    def others(self, segments: Collection[int]) -> list[Path]:
        """Return all other files, but for those that somebody writes to."""
        return [
            one
            for one in self._files()
            if int(one.stem) not in segments and not self._is_written(one)
        ]

    def keep(self, segments: Collection[int]) -> None:
        """Remove all other files, but for those that somebody writes to.

        While it does, nobody may append.
        """
        for file in self.others(segments):
            file.unlink(missing_ok=True)

    def _is_written(self, file: Path) -> bool:
        if int(file.stem) == self._last and self._file is not None:
            return True
        with suppress(FileNotFoundError), file.open("ab") as opened:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def close(self) -> None:
        """Write to no file any more."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # it has no room for what is dropped with it
                file.close()

    def _write(self, part: np.ndarray) -> Place:
        if self._file is None or self._file.tell() >= self._segment_bytes:
            self.close()
            self._folder.mkdir(exist_ok=True)
            self._file = self._begin_file()
            _sync(self._folder)
        place = Place(self._last, self._file.tell(), part.shape[1])
        self._file.write(np.ascontiguousarray(part, np.float32).data)
        return place

    def _begin_file(self) -> BinaryIO:
        """Begin a file that no replica has begun."""
        while True:
            self._last += 1
            with suppress(FileExistsError):
                file = self._path(self._last).open("xb")
                fcntl.flock(file, fcntl.LOCK_EX)
                return file

    def _path(self, segment: int) -> Path:
        return self._folder / f"{segment:010d}{SUFFIX}"

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{SUFFIX}"))


def _sync(folder: Path) -> None:
    """Have the names of a folder survive a crash, too."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
