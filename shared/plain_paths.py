"""Paths for libraries that do not take every name that a file system has, as Lance and Arrow."""

import os
from functools import cache
from pathlib import Path

DESCRIPTORS = Path("/proc/self/fd")


def plain_path(path: Path) -> Path:
    """Return a path without control characters, and of UTF-8, that leads to the same place.

    Lance refuses both, Arrow what is no UTF-8. Such a path is led through a descriptor of its
    folder, which is made if it is missing: on Linux, where such names are met.

    Raises:
        OSError: The folder cannot be made or opened.
        ValueError: The last name itself is not plain.
    """
    if is_plain(str(path)):
        return path
    if not is_plain(path.name):
        raise ValueError(f"{path.name!r} is not plain")
    return DESCRIPTORS / str(_descriptor(path.parent)) / path.name


def is_plain(text: str) -> bool:
    """Tell whether there are neither control characters in a path nor bytes that are no UTF-8."""
    return not any(one < " " or one == "\x7f" or "\ud800" <= one <= "\udfff" for one in text)


@cache
def _descriptor(folder: Path) -> int:
    """Open a folder for as long as the process lives."""
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
