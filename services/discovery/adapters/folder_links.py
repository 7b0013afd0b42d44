"""Where paths lead, all links followed."""

import posixpath
from contextlib import suppress


class RealPaths:
    """Finds it as one look does, which takes a moment: the folders around are followed once."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._folders: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def of(self, path: str) -> str:
        """Return what ``posixpath.realpath`` does.

        Args:
            path: Absolute and normal, as ``posixpath.abspath`` returns one.
        """
        real = self._known.get(path)
        if real is None:
            real = self._known[path] = self._follow(path)
        return real

    def _follow(self, path: str) -> str:
        folder, name = posixpath.split(path)
        if not name or posixpath.islink(path):
            return posixpath.realpath(path)
        if folder not in self._folders:
            with suppress(OSError):  # it is not there, or leads in circles
                self._folders[folder] = posixpath.realpath(folder, strict=True)
        real = self._folders.get(folder)
        return posixpath.realpath(path) if real is None else posixpath.join(real, name)
