"""Remembers the newest versions of sources that left no row in the table.

A table can only tell of what has rows. A source whose newest version is empty must still not get
its old rows back when an old batch is delivered again after a restart. So such a version is
written here, for good, *before* the commit that removes the old rows. A crash between the two
does no harm: the version is then known, the batch comes again and the old rows go then.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from services.writing.adapters.durable_files import disk_errors, replace_text, sync


class EmptiedSources:
    """One JSON line per emptied source; appending costs the same however many there are."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, int]:
        """Return the newest emptied version of each source; a torn last line is mended.

        Raises:
            TransientError: The file could not be read or mended.
        """
        with disk_errors(str(self._path)):
            if not self._path.exists():
                return {}
            versions: dict[str, int] = {}
            lines = self._path.read_bytes().split(b"\n")
            for line in lines[:-1]:
                entry = json.loads(line)
                known = versions.get(entry["source_id"], 0)
                versions[entry["source_id"]] = max(known, entry["source_version"])
            if lines[-1] or len(lines) - 1 > len(versions):
                replace_text(self._path, _to_lines(versions))
        return versions

    def add(self, versions: Mapping[str, int]) -> None:
        """Remember versions; when this returns, they outlive a power cut.

        Raises:
            DiskFullError: There is no room.
            TransientError: The file could not be written.
        """
        with disk_errors(str(self._path)):
            is_new = not self._path.exists()
            size = 0 if is_new else self._path.stat().st_size
            try:
                with self._path.open("ab") as file:
                    file.write(_to_lines(versions).encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                if self._path.exists():
                    os.truncate(self._path, size)
                raise
            if is_new:
                sync(self._path.parent)


def _to_lines(versions: Mapping[str, int]) -> str:
    entries = (
        {"source_id": source, "source_version": version} for source, version in versions.items()
    )
    return "".join(json.dumps(entry) + "\n" for entry in entries)
