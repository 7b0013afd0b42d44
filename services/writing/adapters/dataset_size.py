"""How much room a collection takes on the disk."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.errors import TransientError

STORE = "store.lance"
VERSIONS = "_versions"
MANIFEST = ".manifest"
FILES = ("logs.parquet", "embeddings.parquet")


@dataclass(frozen=True, slots=True)
class DatasetSize:
    """What is on the disk now; it changes while one looks, so what is gone counts nothing."""

    folder: Path

    def parts(self) -> dict[str, int]:
        """Return the bytes of the store and of each public file."""
        sizes = {name: _bytes(self.folder / name) for name in FILES}
        return {STORE: sum(map(_bytes, _files(self.folder / STORE))), **sizes}

    def free_bytes(self) -> int:
        """Return what is free on the disk of the folder for this process.

        Raises:
            TransientError: The disk could not be asked.
        """
        try:
            system = os.statvfs(self.folder)
        except OSError as error:
            raise TransientError(
                f"the disk of {self.folder} could not be asked: {error}"
            ) from error
        return system.f_bavail * system.f_frsize

    def kept_versions(self) -> int:
        """Count the versions of the store that can still be read."""
        files = _files(self.folder / STORE / VERSIONS)
        return sum(file.suffix == MANIFEST for file in files)


def _files(folder: Path) -> Iterator[Path]:
    for where, _, names in os.walk(folder):
        for name in names:
            yield Path(where, name)


def _bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
