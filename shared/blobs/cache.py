"""Blobs of a store elsewhere that were read here: some of them, for whoever reads them again."""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from shared.blobs.local import modified

CACHE = "cache"


class BlobCache:
    """Files by their hashes, those that were used last; several processes may share it."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Take the folder that it is in, and how much it may hold; 0: nothing is added."""
        self._folder = folder / CACHE
        self._most_bytes = most_bytes

    def _at(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def lend(self, sha256: str, to: Path) -> bool:
        """Give a file another name, under which it stays; false if it is not here."""
        with suppress(OSError):
            os.link(self._at(sha256), to)
            os.utime(to)
            return True
        return False

    def add(self, sha256: str, file: Path) -> None:
        """Keep a file that is whole, and let go of those that were used longest ago."""
        if not self._most_bytes:
            return
        target = self._at(sha256)
        with suppress(OSError):  # as on a file system without hard links: it is read anew then
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, target)
        self._shrink()

    def drop(self, sha256: str) -> None:
        """Let go of a file."""
        with suppress(FileNotFoundError):
            self._at(sha256).unlink()

    def clean(self, now: datetime, after: timedelta) -> None:
        """Let go of what was not used for so long."""
        for path in self._files():
            with suppress(FileNotFoundError):
                if now - modified(path) > after:
                    path.unlink()

    def _shrink(self) -> None:
        found: list[tuple[float, int, Path]] = []
        for path in self._files():
            with suppress(FileNotFoundError):
                told = path.stat()
                found.append((told.st_mtime, told.st_size, path))
        left = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if left <= self._most_bytes:
                return
            left -= size
            with suppress(FileNotFoundError):
                path.unlink()

    def _files(self) -> Iterator[Path]:
        return self._folder.glob("??/*")
