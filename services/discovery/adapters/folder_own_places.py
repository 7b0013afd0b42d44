"""Folders that the program writes itself: what is in them is never a source."""

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MARKS = frozenset({"store.lance", "format.json"})
"""What the folder of every map holds."""


@dataclass(frozen=True, slots=True)
class OwnPlaces:
    """Where the program writes, as one look finds it."""

    identities: frozenset[tuple[int, int]] = frozenset()
    """Device and inode of each folder, by which any name of it is known."""
    real_paths: tuple[str, ...] = ()

    @classmethod
    def find(cls, folders: Sequence[Path]) -> "OwnPlaces":
        """Find folders in which only the program writes; one that is not there is left out."""
        there = [(os.fspath(folder), found) for folder in folders if (found := _identity(folder))]
        real_paths = tuple(os.path.realpath(path) for path, _ in there)
        return cls(frozenset(found for _, found in there), real_paths)

    def has(self, path: str, *, is_link: bool) -> bool:
        """Tell whether a folder is one of these, or a link on its way leads into one."""
        if not self.identities:
            return False
        found = _identity(path)
        return found in self.identities or (found is not None and is_link and self.holds(path))

    def holds(self, path: str) -> bool:
        """Tell whether a path, all links followed, is one of these or lies below one."""
        return self.hold(os.path.realpath(path))

    def hold(self, real: str) -> bool:
        """Tell whether a path without links is one of these, or lies below one."""
        return any(
            real == own or real.startswith(own.rstrip(os.sep) + os.sep) for own in self.real_paths
        )


NOTHING = OwnPlaces()


@dataclass(frozen=True, slots=True)
class OwnAround:
    """Where the program writes, and the folder around, where others may have files, too."""

    inside: OwnPlaces = NOTHING
    output: OwnPlaces = NOTHING
    both: OwnPlaces = NOTHING

    @classmethod
    def find(cls, folders: Sequence[Path], output: Path | None) -> "OwnAround":
        """Find them."""
        inside = OwnPlaces.find(folders)
        if output is None:
            return cls(inside, NOTHING, inside)
        return cls(inside, OwnPlaces.find([output]), OwnPlaces.find([*folders, output]))

    def of(self, bases: Iterable[str]) -> OwnPlaces:
        """Tell what is no source of some roots: the folder around is none, unless one lies there.

        Args:
            bases: The roots, all links followed.
        """
        lies_there = any(map(self.output.hold, bases))
        return self.inside if lies_there else self.both


def is_foreign_map(names: Collection[str]) -> bool:
    """Tell by the names in a folder whether it is a map of another run."""
    return MARKS.issubset(names)


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
