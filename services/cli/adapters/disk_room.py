"""Measures the room on the disk of a run."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from services.cli.domain.room import Room


def measure_room(output: Path, store: Path) -> Room:
    """Measure the room where a run's folder is, or will be made.

    Args:
        output: The folder of the run.
        store: The folder of the bus in it.

    Raises:
        OSError: The disk does not tell.
    """
    return Room(free=free_bytes(output), held=_size(store), is_new=not (store / "store").is_dir())


def free_bytes(folder: Path) -> int:
    """Tell what this user may still write where a folder is, or will be made.

    Raises:
        OSError: The disk does not tell.
    """
    there = next((one for one in (folder, *folder.parents) if one.is_dir()), Path())
    return shutil.disk_usage(there).free


def _size(folder: Path) -> int:
    """Add up what the files below a folder take; what goes away meanwhile counts nothing."""
    size = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size += Path(where, name).stat().st_blocks * 512
    return size
